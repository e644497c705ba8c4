"""The token endpoint (OAuth 2.1 section 3.2): authenticate, prove, decide, claim, issue. In that order."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from grantd.core.errors import InvalidRequestError, OAuthError, UnauthorizedClientError, UnsupportedGrantTypeError
from grantd.core.scopes import parse_scope
from grantd.server.clients.authentication import Authenticated
from grantd.server.extension.points import (
    GrantType,
    SenderBinding,
    TokenResponseHeader,
    TokenResponseMember,
)
from grantd.server.http.forms import Parameters, form_body
from grantd.server.http.messages import HeaderList, Request, Response
from grantd.server.http.responses import json_response
from grantd.server.pipeline.issuance import ACCESS_TOKEN
from grantd.server.pipeline.model import (
    AccessTokenIssuance,
    Prepared,
    PreparedProfileToken,
    TokenPlan,
    TokenRequest,
)
from grantd.server.pipeline.targets import plan_token

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

LONGEST_GRANT_TYPE = 200

Handle = Callable[[TokenRequest], Awaitable[Prepared | PreparedProfileToken]]


def forbid_query_credentials(request: Request) -> None:
    """Refuse credentials and tokens in the request URI (OAuth 2.1 section 2.4.1).

    Raises:
        InvalidRequestError: anything stands in the query.
    """
    if request.query:
        raise InvalidRequestError("send parameters in the body, never in the request URI")


class TokenEndpoint:
    """One issuer's token endpoint, prepared at start."""

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer
        registry = issuer.registry
        types = registry.of(GrantType)
        self._grants = {grant.name: (grant.build(issuer), grant.public_clients) for grant in types}
        self._repeatable = frozenset({"resource"}).union(*(grant.repeatable for grant in types))
        self._bindings = tuple((b.present, b.build(issuer)) for b in registry.of(SenderBinding))
        self._members = tuple(m.contribute for m in registry.of(TokenResponseMember) if m.profile == ACCESS_TOKEN)
        self._other_members = tuple((m.profile, m.contribute) for m in registry.of(TokenResponseMember))
        self._headers = tuple(header.contribute for header in registry.of(TokenResponseHeader))
        self._limits = issuer.limits
        self._count = issuer.metrics.token_grant

    async def __call__(self, http: Request) -> Response:
        """Answer a token request."""
        forbid_query_credentials(http)
        parameters = form_body(http, repeatable=self._repeatable, limits=self._limits)
        try:
            response = await self._answer(http, parameters)
        except OAuthError as error:
            self._count(parameters.peek("grant_type") or "", error.code).inc()
            raise
        self._count(parameters.require("grant_type"), "success").inc()
        return response

    async def _answer(self, http: Request, parameters: Parameters) -> Response:
        authenticated = await self._authenticate_client(http, parameters)
        request, handle = self._select_grant(http, parameters, authenticated)
        await self._verify_sender(request)
        prepared = await handle(request)
        if isinstance(prepared, PreparedProfileToken):
            return await self._answer_profile(request, prepared)
        plan = self._plan(request, prepared)
        self._issuer.access_tokens.require_key(plan)
        claimed = await prepared.claim(plan)
        token, issuance = await self._issuer.access_tokens.issue(
            client=request.client,
            grant=prepared.grant,
            grant_id=claimed.grant_id,
            plan=plan,
            now=request.now,
            confirmation=request.confirmation,
            token_type=request.token_type,
        )
        return self._respond(request, issuance, token, claimed.refresh_token)

    async def _authenticate_client(self, http: Request, parameters: Parameters) -> Authenticated:
        return await self._issuer.client_authentication(http, parameters, self._issuer.clients.find_party)

    def _select_grant(
        self, http: Request, parameters: Parameters, authenticated: Authenticated
    ) -> tuple[TokenRequest, Handle]:
        grant_type = parameters.require("grant_type")
        known = self._grants.get(grant_type)
        if known is None:
            # OAuth 2.1 section 3.2.4.
            raise UnsupportedGrantTypeError(
                f"grant_type is not supported; this server offers {', '.join(sorted(self._grants))}",
                detail=grant_type[:LONGEST_GRANT_TYPE],
            )
        handle, public_clients = known
        client = authenticated.client
        if grant_type not in client.metadata.grant_types:
            raise UnauthorizedClientError(f"this client is not registered for the grant type {grant_type}")
        if not authenticated.authenticated and not public_clients:
            # OAuth 2.1 section 4.2: only for confidential clients.
            raise UnauthorizedClientError(f"the grant type {grant_type} needs client authentication")
        request = TokenRequest(
            issuer=self._issuer,
            http=http,
            parameters=parameters,
            client=client,
            grant_type=grant_type,
            authenticated=authenticated.authenticated,
            now=self._issuer.clock.now(),
        )
        return request, handle

    async def _verify_sender(self, request: TokenRequest) -> None:
        for present, verify in self._bindings:
            if present(request.http):
                request.confirmation, request.token_type = await verify(request.http)
                return

    def _plan(self, request: TokenRequest, prepared: Prepared) -> TokenPlan:
        scope = request.parameters.get("scope")
        return plan_token(
            self._issuer.resources,
            request.client,
            granted_scopes=prepared.scopes,
            granted_resources=prepared.resources,
            scopes=None if scope is None else parse_scope(scope),
            resources=request.parameters.all("resource"),
            require_resource=self._issuer.settings.clients.require_resource,
        )

    def _respond(
        self, request: TokenRequest, issuance: AccessTokenIssuance, token: str, refresh_token: str | None
    ) -> Response:
        plan = issuance.plan
        # OAuth 2.1 section 3.2.3; scope is always exact, never left to be guessed.
        members: dict[str, Any] = {
            "access_token": token,
            "token_type": request.token_type,
            "expires_in": issuance.expires_at - issuance.now,
            "scope": " ".join(plan.scopes),
        }
        if refresh_token is not None:
            members["refresh_token"] = refresh_token
        for contribute in self._members:
            members.update(contribute(request, issuance))
        return json_response(200, members, headers=self._make_headers(request) if self._headers else None)

    async def _answer_profile(self, request: TokenRequest, prepared: PreparedProfileToken) -> Response:
        reach = prepared.reach
        token, issuance = await self._issuer.minter.issue(
            prepared.profile,
            prepared.claims,
            client=request.client,
            grant=prepared.grant,
            grant_id=await prepared.claim(),
            reach=reach,
            now=request.now,
            expires_at=prepared.expires_at,
            confirmation=request.confirmation,
            token_type=request.token_type,
        )
        # RFC 8693 section 2.2.1: access_token is the name of the member, whatever the token is.
        members: dict[str, Any] = {
            "access_token": token,
            "issued_token_type": prepared.issued_token_type,
            "token_type": issuance.token_type,
            "expires_in": issuance.expires_at - issuance.now,
        }
        if reach.scopes:
            members["scope"] = " ".join(reach.scopes)
        for profile, contribute in self._other_members:
            if profile == prepared.profile:
                members.update(contribute(request, issuance))
        return json_response(200, members, headers=self._make_headers(request))

    def _make_headers(self, request: TokenRequest) -> HeaderList:
        return [header for contribute in self._headers for header in contribute(request)]
