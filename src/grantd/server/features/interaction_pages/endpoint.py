"""The interaction endpoint: shows the current step, takes its form."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from grantd.core.errors import InvalidRequestError
from grantd.server.extension.points import ResponseMode
from grantd.server.http.forms import Parameters, form_body, parse
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import redirect
from grantd.server.http.routes import Handler
from grantd.server.pipeline.browser import error_page, facts_of, is_cross_site
from grantd.server.pipeline.interaction import (
    Finished,
    InteractionGoneError,
    Ongoing,
    OtherUserAgentError,
    StaleAnswerError,
)
from grantd.server.pipeline.pages import Form

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_HIDDEN = frozenset({"csrf", "version", "step"})
_LARGEST_VERSION = 10


def redirect_source(redirect_uri: str) -> str:
    """Return the CSP source of a redirect URI: browsers apply ``form-action`` to the redirect after a form too."""
    target = urlsplit(redirect_uri)
    return f"{target.scheme}://{target.netloc}" if target.netloc else f"{target.scheme}:"


def build_interaction(issuer: "Issuer") -> Handler:
    """Return the handler of the interaction's pages."""
    modes = {mode.name: mode.render for mode in issuer.registry.of(ResponseMode)}
    none: frozenset[str] = frozenset()

    async def handle(http: Request) -> Response:
        identifier = ""
        try:
            identifier = parse(http.query, repeatable=none, limits=issuer.limits).require("i")
            key = http.cookie(issuer.cookies.user_agent)
            outcome = await (_post if http.method == "POST" else _get)(http, identifier, key)
        except InvalidRequestError as error:
            return error_page(issuer, http, "bad_request", developer=error.description)
        except InteractionGoneError:
            return error_page(issuer, http, "interaction_expired", status=410)
        except OtherUserAgentError:
            return error_page(issuer, http, "other_browser", status=403)
        except StaleAnswerError:
            # A doubled post, or an older tab: show where the interaction stands now.
            return redirect(_path(identifier))
        return outcome if isinstance(outcome, Response) else _render(http, identifier, key or "", outcome)

    async def _get(http: Request, identifier: str, key: str | None) -> Ongoing | Finished | Response:
        return await issuer.interactions.resume(identifier, key.encode() if key else None, facts_of(http))

    async def _post(http: Request, identifier: str, key: str | None) -> Ongoing | Finished | Response:
        parameters = form_body(http, repeatable=frozenset({"scopes"}) | issuer.repeatable_fields, limits=issuer.limits)
        token = parameters.get("csrf") or ""
        if is_cross_site(issuer, http) or not issuer.form_tokens.check(token, key or "", identifier):
            return error_page(issuer, http, "forged_form", status=403)
        version = parameters.require("version")
        if not version.isdecimal() or not version.isascii() or len(version) > _LARGEST_VERSION:
            raise InvalidRequestError("version is not a number")
        return await issuer.interactions.answer(
            identifier,
            key.encode() if key else None,
            step=parameters.require("step"),
            version=int(version),
            fields=_fields(parameters),
            facts=facts_of(http),
        )

    def _fields(parameters: Parameters) -> Mapping[str, tuple[str, ...]]:
        return {name: parameters.all(name) for name in parameters if name not in _HIDDEN}

    def _path(identifier: str) -> str:
        return f"{issuer.base_path}/interaction?i={identifier}"

    def _render(http: Request, identifier: str, key: str, outcome: Ongoing | Finished) -> Response:
        if isinstance(outcome, Finished):
            response = modes[outcome.response.response_mode](issuer, outcome.response)
        elif http.method == "POST" and not outcome.challenge.problem:
            # Post, redirect, get: going back or reloading never posts a password again.
            response = redirect(_path(identifier))
        else:
            state = outcome.state
            target = state.request.redirect_uri if state.request else state.error.redirect_uri if state.error else ""
            response = issuer.pages.challenge(
                outcome.challenge,
                brand=issuer.brand,
                form=Form(
                    action=_path(identifier),
                    csrf=issuer.form_tokens.make(key, identifier),
                    version=outcome.record.version,
                    redirect_source=redirect_source(target),
                    frame_ancestors=state.client.metadata.frame_ancestors,
                ),
                correlation_id=http.correlation_id,
            )
        if outcome.new_session is not None:
            response.headers.append(issuer.cookies.set(issuer.cookies.session, outcome.new_session.cookie_value))
        return response

    return handle
