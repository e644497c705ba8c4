"""The sign-out page."""

from typing import TYPE_CHECKING

from grantd.core.errors import InvalidRequestError
from grantd.server.accounts.sessions import find_session, session_id_of
from grantd.server.http.forms import form_body
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import redirect
from grantd.server.http.routes import Handler
from grantd.server.pipeline.browser import error_page, is_cross_site
from grantd.server.pipeline.pages import Form
from grantd.server.pipeline.refresh import is_public
from grantd.storage.records import AuditEvent, SessionView

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_PURPOSE = "sign-out"


def build_sign_out(issuer: "Issuer") -> Handler:
    """Return the handler of the sign-out page."""
    path = f"{issuer.base_path}/sign-out"

    async def handle(http: Request) -> Response:
        view = await find_session(issuer, http, "")
        holder = http.cookie(issuer.cookies.session) or ""
        if http.method == "POST":
            try:
                parameters = form_body(http, repeatable=frozenset(), limits=issuer.limits)
                token = parameters.get("csrf") or ""
            except InvalidRequestError as error:
                return error_page(issuer, http, "bad_request", developer=error.description)
            if is_cross_site(issuer, http) or not issuer.form_tokens.check(token, holder, _PURPOSE):
                return error_page(issuer, http, "forged_form", status=403)
            if view is not None:
                await _end(http, view)
            response = redirect(path)
            response.headers.append(issuer.cookies.clear(issuer.cookies.session))
            return response
        form = None
        if view is not None:
            form = Form(action=path, csrf=issuer.form_tokens.make(holder, _PURPOSE), version=1)
        return issuer.pages.signed_out(brand=issuer.brand, correlation_id=http.correlation_id, form=form)

    async def _end(http: Request, view: SessionView) -> None:
        session_id = session_id_of(issuer, http)
        if session_id is None:
            return
        await _end_grants(http, view, session_id)
        await issuer.store.end_session(issuer.identifier, session_id)
        issuer.audit.record(
            AuditEvent(
                issuer=issuer.identifier,
                at=issuer.clock.now(),
                type="session.ended",
                actor=view.user.user_id,
                subject=view.user.user_id,
                correlation_id=http.correlation_id,
            )
        )

    async def _end_grants(http: Request, view: SessionView, session_id: bytes) -> None:
        # OAuth 2.1 sections 4.3.3 and 9: refresh tokens of browser-based apps end with the session.
        which = issuer.settings.sessions.end_grants_on_sign_out
        if which == "none":
            return
        if which == "all":
            await issuer.cascade.end(
                "session", session_id, reason="signed_out", actor=view.user.user_id, correlation_id=http.correlation_id
            )
            return
        after = ""
        while page := await issuer.store.list_grants(issuer.identifier, by="user", key=view.user.user_id, after=after):
            for grant in page:
                client = await issuer.clients.find(grant.client_id)
                if grant.session_id == session_id and (client is None or is_public(client)):
                    await issuer.cascade.end(
                        "grant",
                        grant.grant_id,
                        reason="signed_out",
                        actor=view.user.user_id,
                        correlation_id=http.correlation_id,
                    )
            after = page[-1].grant_id

    return handle
