"""The authorization endpoint (OAuth 2.1 section 3.1)."""

import secrets
from typing import TYPE_CHECKING

from grantd.core.errors import InvalidRequestError
from grantd.server.accounts.sessions import find_session
from grantd.server.extension.points import RequestSource, ResponseMode
from grantd.server.http.forms import Parameters, form_body, parse
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import redirect
from grantd.server.http.routes import Handler
from grantd.server.pipeline.authorization import (
    AuthorizationValidator,
    RefusedRequestError,
    UntrustedRequestError,
)
from grantd.server.pipeline.browser import error_page, facts_of
from grantd.server.pipeline.interaction import Finished
from grantd.server.pipeline.model import AuthorizationResponse, InteractionState

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_USER_AGENT_KEY_CHARACTERS = 43


def build_authorization_endpoint(issuer: "Issuer") -> Handler:
    """Return the handler of the authorization endpoint."""
    validate = AuthorizationValidator(issuer)
    modes = {mode.name: mode.render for mode in issuer.registry.of(ResponseMode)}
    sources = tuple((source.parameter, source.build(issuer)) for source in issuer.registry.of(RequestSource))

    async def handle(http: Request) -> Response:
        try:
            parameters = _read(http)
            for parameter, load in sources:
                if parameter in parameters:
                    parameters = await load(http, parameters)
                    break
            client, request = await validate(parameters)
        except InvalidRequestError as error:
            return error_page(issuer, http, "bad_request", developer=error.description)
        except UntrustedRequestError as error:
            return error_page(issuer, http, error.key, developer=error.developer)
        except RefusedRequestError as refused:
            return await _refuse(http, refused)
        session = await find_session(issuer, http, client.client_id)
        outcome = await issuer.interactions.begin(client, request, session, facts_of(http))
        if isinstance(outcome, Finished):
            return _respond(outcome.response)
        return await _converse(http, outcome)

    def _read(http: Request) -> Parameters:
        if http.method != "POST":
            return parse(http.query, repeatable=validate.repeatable, limits=issuer.limits, defer=True)
        # One source only: parameters in two places invite confusion.
        if http.query:
            raise InvalidRequestError("send the parameters of a POST in its body, none in the URI")
        return form_body(http, repeatable=validate.repeatable, limits=issuer.limits, defer=True)

    def _respond(response: AuthorizationResponse) -> Response:
        return modes[response.response_mode](issuer, response)

    async def _refuse(http: Request, refused: RefusedRequestError) -> Response:
        client = refused.client
        # OAuth 2.1 section 7.13.2: the person signs in before an error redirects them, except silently.
        if refused.silent or await find_session(issuer, http, client.client_id) is not None:
            return _respond(issuer.interactions.tell(client.client_id, refused.pending))
        return await _converse(http, issuer.interactions.begin_refusal(client, refused.pending))

    async def _converse(http: Request, state: InteractionState) -> Response:
        key = http.cookie(issuer.cookies.user_agent)
        new = key is None or len(key) != _USER_AGENT_KEY_CHARACTERS
        if key is None or new:
            key = secrets.token_urlsafe(32)
        record = await issuer.interactions.keep(state, key.encode())
        response = redirect(f"{issuer.base_path}/interaction?i={record.interaction_id}")
        if new:
            response.headers.append(issuer.cookies.set(issuer.cookies.user_agent, key))
        return response

    return handle
