"""The sign-out page."""

from typing import TYPE_CHECKING

from grantd.core.errors import InvalidRequestError
from grantd.server.accounts.sessions import find_session
from grantd.server.http.forms import form_body
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import redirect
from grantd.server.pipeline.browser import error_page, is_cross_site
from grantd.server.pipeline.pages import Form
from grantd.server.pipeline.refresh import is_public
from grantd.server.pipeline.revocation import Root
from grantd.storage.records import AuditEvent, SessionView

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_PURPOSE = "sign-out"


class SignOutEndpoint:
    """One issuer's sign-out page, prepared at start."""

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer
        self._path = f"{issuer.base_path}/sign-out"

    async def __call__(self, http: Request) -> Response:
        """Ask, or sign out."""
        issuer = self._issuer
        view = await find_session(issuer, http, "")
        holder = http.cookie(issuer.cookies.session) or ""
        if http.method == "POST":
            return await self._post(http, view, holder)
        form = None
        if view is not None:
            form = Form(action=self._path, csrf=issuer.form_tokens.make(holder, _PURPOSE), version=1)
        return issuer.pages.signed_out(brand=issuer.brand, correlation_id=http.correlation_id, form=form)

    async def _post(self, http: Request, view: SessionView | None, holder: str) -> Response:
        issuer = self._issuer
        try:
            token = form_body(http, repeatable=frozenset(), limits=issuer.limits).get("csrf") or ""
        except InvalidRequestError as error:
            return error_page(issuer, http, "bad_request", developer=error.description)
        if is_cross_site(issuer, http) or not issuer.form_tokens.check(token, holder, _PURPOSE):
            return error_page(issuer, http, "forged_form", status=403)
        if view is not None:
            await self._end(http, view)
        return redirect(self._path, headers=[issuer.cookies.clear(issuer.cookies.session)])

    async def _end(self, http: Request, view: SessionView) -> None:
        issuer = self._issuer
        await self._end_grants(http, view)
        await issuer.store.end_session(issuer.identifier, view.session.session_id)
        issuer.audit.record(
            AuditEvent(
                issuer=issuer.identifier,
                at=issuer.clock.now(),
                type="session.ended",
                actor=view.user.user_id,
                subject=view.user.user_id,
                correlation_id=http.correlation_id,
                details={"reason": "sign_out"},
            )
        )

    async def _end_grants(self, http: Request, view: SessionView) -> None:
        # OAuth 2.1 sections 4.3.3 and 9: refresh tokens of browser-based apps end with the session.
        which = self._issuer.settings.sessions.end_grants_on_sign_out
        if which == "all":
            await self._end_below(http, view, "session", view.session.session_id)
        elif which == "public":
            for grant_id in await self._grants_of_public_clients(view):
                await self._end_below(http, view, "grant", grant_id)

    async def _end_below(self, http: Request, view: SessionView, by: Root, key: str | bytes) -> None:
        await self._issuer.cascade.end(
            by, key, reason="signed_out", actor=view.user.user_id, correlation_id=http.correlation_id
        )

    async def _grants_of_public_clients(self, view: SessionView) -> list[str]:
        issuer, found, after = self._issuer, list[str](), ""
        while page := await issuer.store.list_grants(issuer.identifier, by="user", key=view.user.user_id, after=after):
            for grant in page:
                client = await issuer.clients.find(grant.client_id)
                if grant.session_id == view.session.session_id and (client is None or is_public(client)):
                    found.append(grant.grant_id)
            after = page[-1].grant_id
        return found
