"""The client credentials grant (OAuth 2.1 section 4.2)."""

from typing import TYPE_CHECKING

from grantd.core.errors import InvalidClientError, TemporarilyUnavailableError
from grantd.core.random import ordered_id
from grantd.core.scopes import parse_scope
from grantd.server.pipeline.model import Claimed, Prepared, TokenPlan, TokenRequest
from grantd.server.pipeline.targets import check_scopes, default_scopes
from grantd.storage.records import Grant, StandingGrant

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_ATTEMPTS = 3


def subject_of(client_id: str) -> str:
    """Return the ``sub`` of a client that acts for itself: no user can have it (OAuth 2.1 section 7.4)."""
    return f"client:{client_id}"


class ClientCredentials:
    """The handler of ``grant_type=client_credentials``.

    All tokens of a client point to its one standing grant; ending it ends them all, and the next request starts
    another. So a request reads one row and writes none, and the very first makes one write.
    """

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer

    async def __call__(self, request: TokenRequest) -> Prepared:
        """Verify that the client lives and may ask for these scopes."""
        standing = await self._look_up(request)
        scopes = self._read_scopes(request)
        check_scopes(self._issuer.resources, request.client, scopes)
        grant = Grant(
            issuer=self._issuer.identifier,
            grant_id=standing.grant_id or ordered_id(),
            grant_type="client_credentials",
            client_id=request.client.client_id,
            subject=subject_of(request.client.client_id),
            created_at=request.now,
        )

        async def claim(_plan: TokenPlan) -> Claimed:
            if standing.grant_id is not None:
                return Claimed(grant_id=standing.grant_id)
            return await self._begin(grant)

        return Prepared(grant=grant, scopes=scopes, resources=(), claim=claim)

    async def _look_up(self, request: TokenRequest) -> StandingGrant:
        standing = await self._issuer.store.find_standing_grant(self._issuer.identifier, request.client.client_id)
        if standing is None or not standing.client_active:
            raise InvalidClientError("client authentication failed", detail="disabled or deleted")
        if standing.client_version != request.client.version:
            # What was cached is older than what the store has; the credentials go with the record.
            current = await self._issuer.clients.current(request.client, standing.client_version)
            if current is None or current.secrets != request.client.secrets:
                raise InvalidClientError("client authentication failed", detail="changed meanwhile")
            request.client = current
        return standing

    def _read_scopes(self, request: TokenRequest) -> tuple[str, ...]:
        scope = request.parameters.get("scope")
        if scope is None:
            return default_scopes(request.client, self._issuer.settings.clients.default_scope)
        return parse_scope(scope)

    async def _begin(self, grant: Grant) -> Claimed:
        store, identifier = self._issuer.store, self._issuer.identifier
        for _ in range(_ATTEMPTS):
            if await store.begin_standing_grant(grant):
                return Claimed(grant_id=grant.grant_id)
            standing = await store.find_standing_grant(identifier, grant.client_id)
            if standing is None or not standing.client_active:
                raise InvalidClientError("client authentication failed", detail="disabled or deleted")
            if standing.grant_id is not None:
                return Claimed(grant_id=standing.grant_id)
        raise TemporarilyUnavailableError("try again", detail="the standing grant kept ending")
