"""The refresh token grant (OAuth 2.1 section 4.3.1).

A family is a counter. The token that names the counter rotates it; for a few seconds the direct predecessor of a
successor that nobody used yet gets that same successor again (lost answers); everything older is a replay.
"""

from typing import TYPE_CHECKING, NoReturn

from grantd.core.errors import InvalidGrantError
from grantd.server.pipeline.model import Claimed, Prepared, TokenPlan, TokenRequest
from grantd.server.pipeline.refresh import idle_lifetime, is_public
from grantd.server.pipeline.tokens import RefreshTokenName
from grantd.storage.records import AuditEvent, RefreshView

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_REFUSED = "the refresh token is invalid, expired, revoked, or belongs to another client"


class Rotation:
    """The handler of ``grant_type=refresh_token``."""

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer
        self._overlap = issuer.settings.lifetimes.refresh_overlap

    async def __call__(self, request: TokenRequest) -> Prepared:
        """Verify the refresh token; a replay ends its family here, before anything else is looked at."""
        name = self._issuer.refresh_tokens.read(request.parameters.require("refresh_token"))
        if name is None:
            # OAuth 2.1 section 4.3.1: an altered token is nobody's.
            raise InvalidGrantError(_REFUSED, detail="not a token of ours")
        view = await self._find(request, name)
        grant = view.grant_view.grant
        if grant.confirmation is not None and grant.confirmation != request.confirmation:
            raise InvalidGrantError("the refresh token is bound to another key")
        if name.counter != view.family.counter and not self._overlaps(name, view, request.now):
            await self._end_replayed(request, view)

        async def claim(_plan: TokenPlan) -> Claimed:
            if self._rotates(request, view):
                successor = await self._rotate(request, name, view)
            else:
                successor = await self._touch(request, name, counter=name.counter, rotated_since=0, view=view)
            refresh_token = self._issuer.refresh_tokens.write(name.family_id, successor)
            return Claimed(grant_id=view.family.grant_id, refresh_token=refresh_token)

        return Prepared(grant=grant, scopes=grant.scopes, resources=grant.resources, claim=claim)

    def _rotates(self, request: TokenRequest, view: RefreshView) -> bool:
        # OAuth 2.1 section 4.3.1: public clients rotate unless their tokens are bound to a key.
        unbound_public = is_public(request.client) and view.grant_view.grant.confirmation is None
        return self._issuer.settings.clients.refresh_rotation or unbound_public

    def _overlaps(self, name: RefreshTokenName, view: RefreshView, now: int) -> bool:
        family = view.family
        recent = self._overlap > 0 and now - family.rotated_at <= self._overlap
        return name.counter + 1 == family.counter and recent

    async def _find(self, request: TokenRequest, name: RefreshTokenName) -> RefreshView:
        view = await self._issuer.store.find_family(self._issuer.identifier, name.family_id)
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

    async def _rotate(self, request: TokenRequest, name: RefreshTokenName, view: RefreshView) -> int:
        """Claim the token, or its successor's repetition; return the counter of the token to hand out."""
        if name.counter == view.family.counter:
            won = await self._issuer.store.rotate_family(
                self._issuer.identifier,
                name.family_id,
                counter=name.counter,
                now=request.now,
                idle_expires_at=min(view.family.expires_at, request.now + idle_lifetime(request)),
            )
            if won:
                return name.counter + 1
            # Somebody was first with the same token: the overlap decides what that means.
            view = await self._find(request, name)
            if not self._overlaps(name, view, request.now):
                await self._end_replayed(request, view)
        # The successor is repeated, never replaced by a second branch.
        return await self._touch(
            request, name, counter=view.family.counter, rotated_since=request.now - self._overlap, view=view
        )

    async def _touch(
        self, request: TokenRequest, name: RefreshTokenName, *, counter: int, rotated_since: int, view: RefreshView
    ) -> int:
        won = await self._issuer.store.touch_family(
            self._issuer.identifier,
            name.family_id,
            counter=counter,
            now=request.now,
            rotated_since=rotated_since,
            idle_expires_at=min(view.family.expires_at, request.now + idle_lifetime(request)),
        )
        if not won:
            raise InvalidGrantError(_REFUSED, detail="the claim was lost")
        return counter

    async def _end_replayed(self, request: TokenRequest, view: RefreshView) -> NoReturn:
        # OAuth 2.1 section 4.3.1: somebody has a token that he should not have; end what both hold.
        issuer, grant = self._issuer, view.grant_view.grant
        issuer.metrics.refresh_replays.inc()
        issuer.audit.record(
            AuditEvent(
                issuer=issuer.identifier,
                at=request.now,
                type="refresh.replayed",
                outcome="failure",
                subject=grant.subject,
                client_id=request.client.client_id,
                correlation_id=request.http.correlation_id,
                details={"grant_id": grant.grant_id, "family_id": view.family.family_id},
            )
        )
        await issuer.cascade.end(
            "grant", grant.grant_id, reason="refresh_replayed", correlation_id=request.http.correlation_id
        )
        raise InvalidGrantError(_REFUSED, detail="used before")
