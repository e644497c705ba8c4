"""Redeeming a code (OAuth 2.1 section 4.1.3): everything is checked, then the code is claimed, once."""

import hmac
from typing import TYPE_CHECKING, NoReturn

from grantd.core.errors import InvalidGrantError
from grantd.server.extension.points import RedemptionCheck
from grantd.server.pipeline.model import Claimed, Prepared, TokenPlan, TokenRequest
from grantd.server.pipeline.refresh import new_family, refreshes
from grantd.server.pipeline.tokens import read_code
from grantd.storage.records import AuditEvent, Grant, GrantView

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_REFUSED = "the code is invalid, expired, used, or belongs to another client"


class Redemption:
    """The handler of ``grant_type=authorization_code``."""

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer
        self._checks = tuple(check.check for check in issuer.registry.of(RedemptionCheck))

    async def __call__(self, request: TokenRequest) -> Prepared:
        """Verify the code and everything that was bound to it."""
        read = read_code(request.parameters.require("code"))
        if read is None:
            raise InvalidGrantError(_REFUSED, detail="not a code of ours")
        grant_id, code_hash = read
        view = await self._issuer.store.find_grant(self._issuer.identifier, grant_id)
        grant = _refuse_strangers(view, request, code_hash)
        _refuse_other_redirect_uri(request, grant)
        for check in self._checks:
            check(request, grant)
        await self._refuse_spent(request, view)

        async def claim(plan: TokenPlan) -> Claimed:
            return await self._claim(request, grant, code_hash, plan)

        return Prepared(grant=grant, scopes=grant.scopes, resources=grant.resources, claim=claim)

    async def _claim(self, request: TokenRequest, grant: Grant, code_hash: bytes, plan: TokenPlan) -> Claimed:
        issuer = self._issuer
        family = new_family(request, grant) if refreshes(request, grant) else None
        keeps = request.now + issuer.access_tokens.lifetime(plan)
        won = await issuer.store.redeem_code(
            issuer.identifier,
            grant.grant_id,
            code_hash,
            now=request.now,
            expires_at=max(keeps, family.expires_at) if family else keeps,
            family=family,
        )
        if not won:
            # OAuth 2.1 section 4.1.3: the loser of a race is a second request with the same code.
            await self._refuse_spent(request, await issuer.store.find_grant(issuer.identifier, grant.grant_id))
            raise InvalidGrantError(_REFUSED, detail="the claim was lost")
        refresh_token = issuer.refresh_tokens.write(family.family_id, family.counter) if family else None
        return Claimed(grant_id=grant.grant_id, refresh_token=refresh_token)

    async def _refuse_spent(self, request: TokenRequest, view: GrantView | None) -> None:
        if view is None:
            raise InvalidGrantError(_REFUSED, detail="ended and forgotten")
        grant = view.grant
        if grant.status != "pending":
            await self._end_replayed(request, grant)
        if not (view.client_active and view.user_active):
            raise InvalidGrantError(_REFUSED, detail="client or user is disabled")
        # OAuth 2.1 section 4.1.2: short-lived.
        if grant.code_expires_at is None or grant.code_expires_at <= request.now:
            raise InvalidGrantError(_REFUSED, detail="expired")

    async def _end_replayed(self, request: TokenRequest, grant: Grant) -> NoReturn:
        # OAuth 2.1 section 7.5.2: the replay is valid in every other respect, so somebody else has the tokens.
        issuer = self._issuer
        issuer.metrics.code_replays.inc()
        issuer.audit.record(
            AuditEvent(
                issuer=issuer.identifier,
                at=request.now,
                type="code.replayed",
                outcome="failure",
                subject=grant.subject,
                client_id=request.client.client_id,
                correlation_id=request.http.correlation_id,
                details={"grant_id": grant.grant_id},
            )
        )
        await issuer.cascade.end(
            "grant", grant.grant_id, reason="code_replayed", correlation_id=request.http.correlation_id
        )
        raise InvalidGrantError(_REFUSED, detail="used before")


def _refuse_strangers(view: GrantView | None, request: TokenRequest, code_hash: bytes) -> Grant:
    if view is None:
        raise InvalidGrantError(_REFUSED, detail="unknown")
    grant = view.grant
    if grant.code_hash is None or not hmac.compare_digest(grant.code_hash, code_hash):
        raise InvalidGrantError(_REFUSED, detail="wrong secret part")
    # OAuth 2.1 section 4.1.3: the code belongs to the client that asked for it.
    if grant.client_id != request.client.client_id:
        raise InvalidGrantError(_REFUSED, detail="another client's")
    return grant


def _refuse_other_redirect_uri(request: TokenRequest, grant: Grant) -> None:
    # OAuth 2.1 section 10.2: OAuth 2.0 clients repeat the redirect URI, and then it has to be the same.
    presented = request.parameters.get("redirect_uri")
    if presented is not None and presented != grant.redirect_uri:
        raise InvalidGrantError("redirect_uri is not the one of the authorization request")
