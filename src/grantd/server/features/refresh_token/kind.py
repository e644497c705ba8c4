"""Refresh tokens as introspection and revocation see them."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from grantd.server.pipeline.model import TokenReference

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


def build_recogniser(issuer: "Issuer") -> Callable[[str], Awaitable[TokenReference | None]]:
    """Return the recogniser of refresh tokens."""

    async def recognise(token: str) -> TokenReference | None:
        name = issuer.refresh_tokens.read(token)
        if name is None:
            return None
        view = await issuer.store.find_family(issuer.identifier, name.family_id)
        if view is None:
            return None
        family, grant = view.family, view.grant_view.grant
        expires_at = min(family.expires_at, family.idle_expires_at)
        if expires_at <= issuer.clock.now():
            return None
        return TokenReference(
            kind="refresh_token",
            grant_id=family.grant_id,
            client_id=family.client_id,
            jti="",
            audience=(),
            expires_at=expires_at,
            claims={
                "iss": issuer.identifier,
                "sub": grant.subject,
                "client_id": family.client_id,
                "scope": " ".join(grant.scopes),
                "exp": expires_at,
                "iat": family.created_at,
            },
            live=family.status == "active" and view.grant_view.live and name.counter == family.counter,
        )

    return recognise


def build_revoker(issuer: "Issuer") -> Callable[[TokenReference, str], Awaitable[None]]:
    """Return the revoker: a refresh token takes its grant and all access tokens along (RFC 7009 section 2.1)."""

    async def revoke(reference: TokenReference, correlation_id: str) -> None:
        await issuer.cascade.end(
            "grant",
            reference.grant_id,
            reason="revoked_by_client",
            actor=f"client:{reference.client_id}",
            correlation_id=correlation_id,
        )

    return revoke
