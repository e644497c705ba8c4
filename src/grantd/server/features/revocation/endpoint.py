"""The revocation endpoint (RFC 7009 section 2)."""

from typing import TYPE_CHECKING

from grantd.core.errors import InvalidRequestError
from grantd.server.clients.authentication import party_of
from grantd.server.extension.points import Party, TokenKind
from grantd.server.http.forms import form_body
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import empty
from grantd.server.http.routes import Handler
from grantd.server.pipeline.token_endpoint import forbid_query_credentials
from grantd.server.pipeline.token_kinds import TokenKinds

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


def build_revocation(issuer: "Issuer") -> Handler:
    """Return the handler of the revocation endpoint."""
    kinds = TokenKinds(issuer)
    revokers = {kind.name: kind.revoke(issuer) for kind in issuer.registry.of(TokenKind)}

    async def find(client_id: str) -> Party | None:
        client = await issuer.clients.find(client_id)
        return None if client is None else party_of(client)

    async def handle(http: Request) -> Response:
        forbid_query_credentials(http)
        parameters = form_body(http, repeatable=frozenset(), limits=issuer.limits)
        # RFC 7009 section 2.1: authenticated as registered; public clients name themselves.
        authenticated = await issuer.client_authentication(http, parameters, find)
        found = await kinds.find(parameters.require("token"), parameters.get("token_type_hint"))
        # RFC 7009 section 2.2: nothing to revoke is success too.
        if found is None:
            return empty(200)
        kind, reference = found
        if reference.client_id != authenticated.client.client_id:
            # RFC 7009 section 2.1: refused, and nothing changes; silence would hide the client's mistake.
            raise InvalidRequestError("this token was issued to another client; nothing was revoked")
        # A refresh token that was rotated meanwhile still names the grant that its client wants to end.
        await revokers[kind](reference, http.correlation_id)
        return empty(200)

    return handle
