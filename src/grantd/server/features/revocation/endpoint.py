"""The revocation endpoint (RFC 7009 section 2)."""

from typing import TYPE_CHECKING

from grantd.core.errors import InvalidRequestError
from grantd.server.extension.points import TokenKind
from grantd.server.http.forms import form_body
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import empty
from grantd.server.pipeline.token_endpoint import forbid_query_credentials
from grantd.server.pipeline.token_kinds import TokenKinds

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


class RevocationEndpoint:
    """One issuer's revocation endpoint, prepared at start."""

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer
        self._kinds = TokenKinds(issuer)
        self._revokers = {kind.name: kind.revoke(issuer) for kind in issuer.registry.of(TokenKind)}

    async def __call__(self, http: Request) -> Response:
        """Revoke a token of the caller's."""
        forbid_query_credentials(http)
        parameters = form_body(http, repeatable=frozenset(), limits=self._issuer.limits)
        # RFC 7009 section 2.1: authenticated as registered; public clients name themselves.
        authenticated = await self._issuer.client_authentication(http, parameters, self._issuer.clients.find_party)
        found = await self._kinds.find(parameters.require("token"), parameters.get("token_type_hint"))
        # RFC 7009 section 2.2: nothing to revoke is success too.
        if found is None:
            return empty(200)
        kind, reference = found
        if reference.client_id != authenticated.client.client_id:
            # RFC 7009 section 2.1: refused, and nothing changes; silence would hide the client's mistake.
            raise InvalidRequestError("this token was issued to another client; nothing was revoked")
        # A refresh token that was rotated meanwhile still names the grant that its client wants to end.
        await self._revokers[kind](reference, http.correlation_id)
        return empty(200)
