"""The introspection endpoint (RFC 7662 section 2)."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from grantd.core.errors import InvalidClientError
from grantd.server.extension.points import Party
from grantd.server.features.introspection.points import Caller, IntrospectionFormat
from grantd.server.http.forms import Parameters, form_body
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import json_response
from grantd.server.pipeline.model import TokenReference
from grantd.server.pipeline.token_endpoint import forbid_query_credentials
from grantd.server.pipeline.token_kinds import TokenKinds
from grantd.storage.records import ResourceServer

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_INACTIVE = b'{"active":false}'
_CACHED_ANSWERS = 4_096

Write = Callable[[Caller, dict[str, Any]], bytes]


class IntrospectionEndpoint:
    """One issuer's introspection endpoint, prepared at start."""

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer
        self._kinds = TokenKinds(issuer)
        self._formats = {f.media_type.encode(): f.build(issuer) for f in issuer.registry.of(IntrospectionFormat)}
        self._answers: OrderedDict[tuple[str, str], tuple[Mapping[str, Any], bytes]] = OrderedDict()

    async def __call__(self, http: Request) -> Response:
        """Answer whether a token lives, and what the caller may know of it."""
        forbid_query_credentials(http)
        parameters = form_body(http, repeatable=frozenset(), limits=self._issuer.limits)
        media_type, write = self._wanted(http)
        caller = await self._authenticate(http, parameters, signed=write is not None)
        token = parameters.require("token")
        found = await self._kinds.find(token, parameters.get("token_type_hint"))
        reference = found[1] if found is not None and _may_know(caller, found[1]) else None
        if write is not None:
            members = _members(reference, caller) if reference is not None else {"active": False}
            headers = [(b"content-type", media_type), (b"cache-control", b"no-store")]
            return Response(200, headers=headers, body=write(caller, members))
        return json_response(200, _INACTIVE if reference is None else self._plain(token, reference, caller))

    def _plain(self, token: str, reference: TokenReference, caller: Caller) -> bytes:
        # The words are kept, never the verdict: whether the token lives was just read from the store.
        known = self._answers.get((token, caller.identifier))
        if known is not None and known[0] is reference.claims:
            return known[1]
        body = msgspec.json.encode(_members(reference, caller))
        self._answers[token, caller.identifier] = (reference.claims, body)
        if len(self._answers) > _CACHED_ANSWERS:
            self._answers.popitem(last=False)
        return body

    def _wanted(self, http: Request) -> tuple[bytes, Write | None]:
        accept = http.header(b"accept")
        if accept is not None:
            for media_type, write in self._formats.items():
                if media_type in accept.lower():
                    return media_type, write
        return b"application/json", None

    async def _authenticate(self, http: Request, parameters: Parameters, *, signed: bool) -> Caller:
        # RFC 7662 section 2.3: 401; RFC 9701 section 5 keeps to the token endpoint's 400 for the signed form.
        authenticated = await self._issuer.client_authentication(http, parameters, self._find, always_401=not signed)
        if not authenticated.authenticated:
            # RFC 7662 section 2.1: a caller that only names itself may not fish for tokens.
            error = InvalidClientError("introspection needs client authentication")
            error.status = 400 if signed else 401
            raise error
        identifier = authenticated.party.identifier
        if authenticated.party.client is not None:
            return Caller(identifier, None)
        return Caller(identifier, self._issuer.resource_servers[identifier])

    async def _find(self, identifier: str) -> Party | None:
        party = self._issuer.resource_parties.get(identifier)
        if party is not None:
            return party
        return await self._issuer.clients.find_party(identifier)


def _may_know(caller: Caller, reference: TokenReference) -> bool:
    # RFC 7662 section 2.2: dead, foreign and unknown tokens look alike.
    if not reference.live:
        return False
    if caller.resource_server is None:
        # A client has no business with access tokens; its own refresh token it may ask about.
        return reference.kind == "refresh_token" and reference.client_id == caller.identifier
    return any(audience in caller.resource_server.identifiers for audience in reference.audience)


def _members(reference: TokenReference, caller: Caller) -> dict[str, Any]:
    members: dict[str, Any] = {"active": True, **reference.claims}
    if reference.kind != "refresh_token":
        members["token_type"] = "DPoP" if "jkt" in members.get("cnf", {}) else "Bearer"
    if caller.resource_server is not None:
        _narrow(members, reference, caller.resource_server)
    return members


def _narrow(members: dict[str, Any], reference: TokenReference, server: ResourceServer) -> None:
    # RFC 9701 section 5: what another resource is allowed is none of this one's business.
    mine = [audience for audience in reference.audience if audience in server.identifiers]
    members["aud"] = mine[0] if len(mine) == 1 else mine
    if len(mine) < len(reference.audience):
        members["scope"] = " ".join(scope for scope in str(members["scope"]).split() if scope in server.scopes)
