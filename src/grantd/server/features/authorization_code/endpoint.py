"""The authorization endpoint (OAuth 2.1 section 3.1)."""

import secrets
from typing import TYPE_CHECKING

from grantd.core.errors import InvalidRequestError
from grantd.server.accounts.sessions import find_session
from grantd.server.extension.points import RequestSource, ResponseMode
from grantd.server.http.forms import Parameters, form_body, parse
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import redirect
from grantd.server.pipeline.authorization import AuthorizationValidator, RefusedRequestError, UntrustedRequestError
from grantd.server.pipeline.browser import error_page, facts_of
from grantd.server.pipeline.interaction import Finished
from grantd.server.pipeline.model import AuthorizationResponse, InteractionState
from grantd.storage.records import Client

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_USER_AGENT_KEY_CHARACTERS = 43


class AuthorizationEndpoint:
    """One issuer's authorization endpoint, prepared at start."""

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer
        self._validate = AuthorizationValidator(issuer)
        self._modes = {mode.name: mode.render for mode in issuer.registry.of(ResponseMode)}
        self._sources = tuple((source.parameter, source.build(issuer)) for source in issuer.registry.of(RequestSource))

    async def __call__(self, http: Request) -> Response:
        """Answer an authorization request: by redirect, or by sending the person to the interaction."""
        try:
            client, request = await self._validate(await self._load(http))
        except InvalidRequestError as error:
            return error_page(self._issuer, http, "bad_request", developer=error.description)
        except UntrustedRequestError as error:
            return error_page(self._issuer, http, error.key, developer=error.developer)
        except RefusedRequestError as refused:
            return await self._refuse(http, refused)
        session = await find_session(self._issuer, http, client.client_id)
        if request.silent and session is None and not _is_trusted(client):
            return self._hold(http)
        outcome = await self._issuer.interactions.begin(client, request, session, facts_of(http))
        if isinstance(outcome, Finished):
            return self._respond(outcome.response)
        return await self._converse(http, outcome)

    async def _load(self, http: Request) -> Parameters:
        parameters = self._read(http)
        for parameter, load in self._sources:
            if parameter in parameters:
                return await load(http, parameters)
        return parameters

    def _read(self, http: Request) -> Parameters:
        repeatable, limits = self._validate.repeatable, self._issuer.limits
        if http.method != "POST":
            return parse(http.query, repeatable=repeatable, limits=limits, defer=True)
        # One source only: parameters in two places invite confusion.
        if http.query:
            raise InvalidRequestError("send the parameters of a POST in its body, none in the URI")
        return form_body(http, repeatable=repeatable, limits=limits, defer=True)

    def _respond(self, response: AuthorizationResponse) -> Response:
        return self._modes[response.response_mode](self._issuer, response)

    async def _refuse(self, http: Request, refused: RefusedRequestError) -> Response:
        client, interactions = refused.client, self._issuer.interactions
        # OAuth 2.1 section 7.13.2: the person signs in before an error redirects them, except silently.
        signed_in = await find_session(self._issuer, http, client.client_id) is not None
        if refused.silent and not signed_in and not _is_trusted(client):
            return self._hold(http)
        if refused.silent or signed_in:
            return self._respond(interactions.tell(client.client_id, refused.pending))
        return await self._converse(http, interactions.begin_refusal(client, refused.pending))

    def _hold(self, http: Request) -> Response:
        return error_page(
            self._issuer,
            http,
            "bad_request",
            developer="prompt none needs a session: nobody vouches for this client, so nobody is sent to it unasked",
        )

    async def _converse(self, http: Request, state: InteractionState) -> Response:
        issuer = self._issuer
        key = http.cookie(issuer.cookies.user_agent)
        known = key is not None and len(key) == _USER_AGENT_KEY_CHARACTERS
        if key is None or not known:
            key = secrets.token_urlsafe(32)
        record = await issuer.interactions.keep(state, key.encode())
        response = redirect(f"{issuer.base_path}/interaction?i={record.interaction_id}")
        if not known:
            response.headers.append(issuer.cookies.set(issuer.cookies.user_agent, key))
        return response


def _is_trusted(client: Client) -> bool:
    # OAuth 2.1 section 7.13.2: automatic redirects go to clients that the operator registered.
    return client.origin == "registered"
