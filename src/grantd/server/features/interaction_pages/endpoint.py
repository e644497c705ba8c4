"""The interaction endpoint: shows the current step, takes its form."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from grantd.core.errors import InvalidRequestError
from grantd.server.extension.points import ResponseMode
from grantd.server.http.forms import form_body, parse
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import redirect
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
_LONGEST_VERSION = 10


def redirect_source(redirect_uri: str) -> str:
    """Return the CSP source of a redirect URI: browsers apply ``form-action`` to the redirect after a form too."""
    target = urlsplit(redirect_uri)
    return f"{target.scheme}://{target.netloc}" if target.netloc else f"{target.scheme}:"


class InteractionEndpoint:
    """One issuer's interaction pages, prepared at start."""

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer
        self._modes = {mode.name: mode.render for mode in issuer.registry.of(ResponseMode)}
        self._repeatable = issuer.repeatable_fields

    async def __call__(self, http: Request) -> Response:
        """Show the current step, or take the answer to it."""
        issuer, identifier = self._issuer, ""
        try:
            identifier = parse(http.query, repeatable=frozenset(), limits=issuer.limits).require("i")
            key = http.cookie(issuer.cookies.user_agent)
            outcome = await (self._post if http.method == "POST" else self._get)(http, identifier, key)
        except InvalidRequestError as error:
            return error_page(issuer, http, "bad_request", developer=error.description)
        except InteractionGoneError:
            return error_page(issuer, http, "interaction_expired", status=410)
        except OtherUserAgentError:
            return error_page(issuer, http, "other_browser", status=403)
        except StaleAnswerError:
            # A doubled post, or an older tab: show where the interaction stands now.
            return redirect(self._path(identifier))
        if isinstance(outcome, Response):
            return outcome
        response = self._render(http, identifier, key or "", outcome)
        if outcome.new_session is not None:
            cookie = issuer.cookies.set(issuer.cookies.session, outcome.new_session.cookie_value)
            response.headers.append(cookie)
        return response

    async def _get(self, http: Request, identifier: str, key: str | None) -> Ongoing | Finished | Response:
        return await self._issuer.interactions.resume(identifier, key.encode() if key else None, facts_of(http))

    async def _post(self, http: Request, identifier: str, key: str | None) -> Ongoing | Finished | Response:
        parameters = form_body(http, repeatable=self._repeatable, limits=self._issuer.limits)
        token = parameters.get("csrf") or ""
        if is_cross_site(self._issuer, http) or not self._issuer.form_tokens.check(token, key or "", identifier):
            return error_page(self._issuer, http, "forged_form", status=403)
        version = parameters.require("version")
        if not (version.isascii() and version.isdecimal()) or len(version) > _LONGEST_VERSION:
            raise InvalidRequestError("version is not a number")
        return await self._issuer.interactions.answer(
            identifier,
            key.encode() if key else None,
            step=parameters.require("step"),
            version=int(version),
            fields={name: parameters.all(name) for name in parameters if name not in _HIDDEN},
            facts=facts_of(http),
        )

    def _path(self, identifier: str) -> str:
        return f"{self._issuer.base_path}/interaction?i={identifier}"

    def _render(self, http: Request, identifier: str, key: str, outcome: Ongoing | Finished) -> Response:
        if isinstance(outcome, Finished):
            return self._modes[outcome.response.response_mode](self._issuer, outcome.response)
        if http.method == "POST" and not outcome.challenge.problem:
            # Post, redirect, get: going back or reloading never posts a password again.
            return redirect(self._path(identifier))
        state = outcome.state
        target = state.request.redirect_uri if state.request else state.error.redirect_uri if state.error else ""
        form = Form(
            action=self._path(identifier),
            csrf=self._issuer.form_tokens.make(key, identifier),
            version=outcome.record.version,
            redirect_source=redirect_source(target),
            frame_ancestors=state.client.metadata.frame_ancestors,
        )
        response = self._issuer.pages.challenge(
            outcome.challenge, brand=self._issuer.brand, form=form, correlation_id=http.correlation_id
        )
        if outcome.challenge.retry_after is not None:
            response.headers.append((b"retry-after", b"%d" % outcome.challenge.retry_after))
        return response
