"""Client credentials: a client acts for itself (OAuth 2.1 section 4.2)."""

from typing import TYPE_CHECKING

from grantd.core.errors import InvalidClientError, TemporarilyUnavailableError
from grantd.core.random import random_id
from grantd.core.scopes import parse_scope
from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import GrantHandler, GrantType
from grantd.server.pipeline.model import Claimed, Prepared, TokenPlan, TokenRequest
from grantd.server.pipeline.targets import check_scopes, default_scopes
from grantd.storage.records import Grant

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_ATTEMPTS = 3


def subject_of(client_id: str) -> str:
    """Return the ``sub`` of a client that acts for itself: no user can have it (OAuth 2.1 section 7.4)."""
    return f"client:{client_id}"


def build_client_credentials(issuer: "Issuer") -> GrantHandler:
    """Return the handler of ``grant_type=client_credentials``.

    All tokens of a client point to its one standing grant, written at the first use; ending it ends them all, and the
    next request starts another. So a request reads one row and writes none.
    """

    async def prepare(request: TokenRequest) -> Prepared:
        state = await issuer.store.find_standing_grant(issuer.identifier, request.client.client_id)
        if state is not None and state.client_version != request.client.version:
            current = await issuer.clients.current(request.client, state.client_version)
            if current is not None:
                request.client = current
        if state is None or not state.client_active or "client_credentials" not in request.client.metadata.grant_types:
            raise InvalidClientError("client authentication failed", detail="disabled or deleted")
        scope = request.parameters.get("scope")
        if scope is None:
            scopes = default_scopes(request.client, issuer.settings.clients.default_scope)
        else:
            scopes = parse_scope(scope)
        check_scopes(issuer.resources, request.client, scopes)
        grant = Grant(
            issuer=issuer.identifier,
            grant_id=state.grant_id or random_id(),
            grant_type="client_credentials",
            client_id=request.client.client_id,
            subject=subject_of(request.client.client_id),
            created_at=request.now,
        )

        async def claim(_plan: TokenPlan) -> Claimed:
            if state.grant_id is not None:
                return Claimed(grant_id=state.grant_id)
            return await _begin_standing_grant(grant)

        return Prepared(grant=grant, scopes=scopes, resources=(), claim=claim)

    async def _begin_standing_grant(grant: Grant) -> Claimed:
        for _ in range(_ATTEMPTS):
            if await issuer.store.replace_standing_grant(grant, replacing=None):
                return Claimed(grant_id=grant.grant_id)
            state = await issuer.store.find_standing_grant(issuer.identifier, grant.client_id)
            if state is None or not state.client_active:
                raise InvalidClientError("client authentication failed", detail="disabled or deleted")
            if state.grant_id is not None:
                return Claimed(grant_id=state.grant_id)
        raise TemporarilyUnavailableError("try again", detail="the standing grant kept ending")

    return prepare


FEATURE = Feature(
    name="client_credentials",
    specification=Specification(
        title="The OAuth 2.1 Authorization Framework, client credentials grant",
        number="draft-ietf-oauth-v2-1",
        version="-15",
        status="standard",
        link="https://datatracker.ietf.org/doc/draft-ietf-oauth-v2-1/",
        prefixes=("OA21",),
    ),
    summary="A confidential client gets tokens for itself, under a subject that no user can have.",
    contributions=(GrantType(name="client_credentials", build=build_client_credentials, public_clients=False),),
)
