"""What all formats of access tokens share when they come back: the store's word on them, and revocation."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from grantd.server.pipeline.issuance import grant_of
from grantd.server.pipeline.model import TokenReference

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


async def reference_of(issuer: "Issuer", claims: Mapping[str, Any]) -> TokenReference | None:
    """Return the reference of an authentic access token's claims, with its liveness read from the store.

    ``None`` for a token that has expired or that points to no grant of ours.
    """
    jti = claims["jti"]
    grant_id = grant_of(jti)
    if grant_id is None or claims["exp"] <= issuer.clock.now():
        return None
    state = await issuer.store.token_state(issuer.identifier, grant_id, jti)
    audience = claims["aud"]
    return TokenReference(
        kind="access_token",
        grant_id=grant_id,
        client_id=claims["client_id"],
        jti=jti,
        audience=(audience,) if isinstance(audience, str) else tuple(audience),
        expires_at=claims["exp"],
        claims=claims,
        live=state.grant_live and not state.revoked,
    )


def build_revoker(issuer: "Issuer") -> Callable[[TokenReference, str], Awaitable[None]]:
    """Return the revoker: the token alone goes on the deny list, its grant lives (RFC 7009 section 2.1)."""

    async def revoke(reference: TokenReference, correlation_id: str) -> None:
        await issuer.cascade.end_token(
            reference.jti,
            expires_at=reference.expires_at,
            reason="revoked_by_client",
            correlation_id=correlation_id,
        )

    return revoke
