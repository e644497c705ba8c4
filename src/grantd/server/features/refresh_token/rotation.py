"""The refresh token grant (OAuth 2.1 section 4.3.1).

A family is a counter. The token that names the counter rotates it; for a few seconds the direct predecessor of a
successor that nobody used yet gets that same successor again (lost answers); everything older is a replay.
"""

from typing import TYPE_CHECKING

from grantd.core.errors import InvalidGrantError
from grantd.server.extension.points import GrantHandler
from grantd.server.pipeline.model import Claimed, Prepared, TokenPlan, TokenRequest
from grantd.server.pipeline.refresh import idle_lifetime, is_public
from grantd.server.pipeline.tokens import RefreshTokenName
from grantd.storage.records import AuditEvent, RefreshView

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_REFUSED = "the refresh token is invalid, expired, revoked, or belongs to another client"


def build_rotation(issuer: "Issuer") -> GrantHandler:
    """Return the handler of ``grant_type=refresh_token``."""
    overlap = issuer.settings.lifetimes.refresh_overlap

    async def prepare(request: TokenRequest) -> Prepared:
        name = issuer.refresh_tokens.read(request.parameters.require("refresh_token"))
        if name is None:
            # OAuth 2.1 section 4.3.1: an altered token is nobody's.
            raise InvalidGrantError(_REFUSED, detail="not a token of ours")
        view = await issuer.store.find_family(issuer.identifier, name.family_id)
        family_view = _refuse_strangers(view, request)
        family, grant = family_view.family, family_view.grant_view.grant
        rotates = issuer.settings.clients.refresh_rotation or (is_public(request.client) and grant.confirmation is None)
        if rotates and name.counter != family.counter and not _overlaps(name, family_view, request.now):
            await _end_replayed(request, family_view)
        if grant.confirmation is not None and grant.confirmation != request.confirmation:
            raise InvalidGrantError("the refresh token is bound to another key")

        async def claim(plan: TokenPlan) -> Claimed:
            return await _claim(request, name, family_view, rotates=rotates, plan=plan)

        return Prepared(grant=grant, scopes=grant.scopes, resources=grant.resources, claim=claim)

    def _overlaps(name: RefreshTokenName, view: RefreshView, now: int) -> bool:
        family = view.family
        return name.counter + 1 == family.counter and overlap > 0 and now - family.rotated_at <= overlap

    async def _claim(
        request: TokenRequest, name: RefreshTokenName, view: RefreshView, *, rotates: bool, plan: TokenPlan
    ) -> Claimed:
        family = view.family
        idle_expires_at = min(family.expires_at, request.now + idle_lifetime(request))
        grant_id = family.grant_id
        if not rotates:
            won = await issuer.store.touch_family(
                issuer.identifier,
                name.family_id,
                counter=name.counter,
                now=request.now,
                rotated_since=0,
                idle_expires_at=idle_expires_at,
            )
            successor = name.counter
        elif name.counter == family.counter:
            won = await issuer.store.rotate_family(
                issuer.identifier,
                name.family_id,
                counter=name.counter,
                now=request.now,
                idle_expires_at=idle_expires_at,
            )
            successor = name.counter + 1
            if not won:
                return await _after_lost_race(request, name, plan)
        else:
            # The overlap: the successor is repeated, never replaced by a second branch.
            won = await issuer.store.touch_family(
                issuer.identifier,
                name.family_id,
                counter=family.counter,
                now=request.now,
                rotated_since=request.now - overlap,
                idle_expires_at=idle_expires_at,
            )
            successor = family.counter
        if not won:
            raise InvalidGrantError(_REFUSED, detail="the claim was lost")
        return Claimed(grant_id=grant_id, refresh_token=issuer.refresh_tokens.write(name.family_id, successor))

    async def _after_lost_race(request: TokenRequest, name: RefreshTokenName, plan: TokenPlan) -> Claimed:
        view = _refuse_strangers(await issuer.store.find_family(issuer.identifier, name.family_id), request)
        if not _overlaps(name, view, request.now):
            await _end_replayed(request, view)
        return await _claim(request, name, view, rotates=True, plan=plan)

    async def _end_replayed(request: TokenRequest, view: RefreshView) -> None:
        # OAuth 2.1 section 4.3.1: somebody has a token that he should not have; end what both hold.
        issuer.metrics.refresh_replays.inc()
        issuer.audit.record(
            AuditEvent(
                issuer=issuer.identifier,
                at=request.now,
                type="refresh.replayed",
                outcome="failure",
                subject=view.grant_view.grant.subject,
                client_id=request.client.client_id,
                correlation_id=request.http.correlation_id,
                details={"grant_id": view.family.grant_id, "family_id": view.family.family_id},
            )
        )
        await issuer.cascade.end(
            "grant", view.family.grant_id, reason="refresh_replayed", correlation_id=request.http.correlation_id
        )
        raise InvalidGrantError(_REFUSED, detail="used before")

    return prepare


def _refuse_strangers(view: RefreshView | None, request: TokenRequest) -> RefreshView:
    if view is None:
        raise InvalidGrantError(_REFUSED, detail="unknown")
    family = view.family
    # OAuth 2.1 section 4.3.1: bound to the client that it was issued to.
    if family.client_id != request.client.client_id:
        raise InvalidGrantError(_REFUSED, detail="another client's")
    if family.status != "active" or not view.grant_view.live:
        raise InvalidGrantError(_REFUSED, detail="ended")
    if min(family.expires_at, family.idle_expires_at) <= request.now:
        raise InvalidGrantError(_REFUSED, detail="expired")
    return view
