"""The demo client's page: sign in, look at the tokens, use them, refresh them, give them back."""

import hmac
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from jinja2 import Environment, StrictUndefined

from grantd.core.random import random_token
from grantd.demo.client import ClientError, DemoClient, Pending, Tokens, decoded
from grantd.demo.folder import PASSWORD, USERNAME, Demo
from grantd.server.http.application import EdgeApplication
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import redirect, text
from grantd.server.http.routes import Route
from grantd.server.settings import LimitSettings

COOKIE = "grantd-demo-client"
_MOST_SESSIONS = 200
_MOST_FIELDS = 20
_SHOWN = 8


@dataclass(slots=True)
class Session:
    """One user agent at the page."""

    csrf: str = field(default_factory=random_token)
    pending: Pending | None = None
    tokens: Tokens | None = None
    api: dict[str, Any] | None = None
    problem: str = ""


class ClientPage:
    """The handlers of the page.

    Args:
        demo: addresses.
    """

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._client = DemoClient(demo)
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        folder = resources.files("grantd.demo") / "templates"
        style = (folder / "client.css").read_text(encoding="utf-8")
        environment = Environment(autoescape=True, undefined=StrictUndefined)
        self._template = environment.from_string((folder / "client.html").read_text(encoding="utf-8"))
        self._style = style
        digest = b64encode(sha256(style.encode()).digest()).decode()
        # The form that starts the sign-in is redirected to the server, so form-action names it.
        policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self' {demo.issuer}; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        self._headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"content-security-policy", policy.encode()),
            (b"referrer-policy", b"no-referrer"),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
        ]

    def application(self) -> EdgeApplication:
        """Return the page as an ASGI application."""
        application = EdgeApplication(limits=LimitSettings())
        host = self._demo.page.split("/")[2]
        application.add(host, "/", Route(name="page", methods={"GET": self.show}))
        application.add(host, "/callback", Route(name="callback", methods={"GET": self.callback}))
        for path, work in (
            ("/sign-in", self._sign_in),
            ("/read", self._read),
            ("/add", self._add),
            ("/refresh", self._refresh),
            ("/sign-out", self._sign_out),
        ):
            application.add(host, path, Route(name=path[1:], methods={"POST": self._form(work)}))
        return application

    async def show(self, request: Request) -> Response:
        """Show where the user agent stands."""
        key, session = self._session(request)
        new = session is None
        if session is None:
            key, session = self._begin()
        tokens = session.tokens
        html = self._template.render(
            style=self._style,
            demo=self._demo,
            username=USERNAME,
            password=PASSWORD,
            csrf=session.csrf,
            problem=session.problem,
            response=None if tokens is None else _pretty(_shortened(tokens.response)),
            parts=[] if tokens is None else [_pretty(part) for part in decoded(tokens.access_token)],
            refreshable=tokens is not None and bool(tokens.refresh_token),
            api=session.api,
        )
        session.problem = ""
        return Response(200, headers=[*self._headers, *([_cookie(key)] if new else [])], body=html.encode())

    async def callback(self, request: Request) -> Response:
        """Take the authorization response."""
        _, session = self._session(request)
        pending = None
        if session is not None:
            # The state is used up, whatever comes of it.
            pending, session.pending = session.pending, None
        response, twice = _parameters(request.query)
        try:
            # OAuth 2.1 section 4.1.2: no parameter comes twice; such a response answers nothing.
            tokens = await self._client.finish(pending, {} if twice else response)
        except ClientError as error:
            key, session = self._renew(request)
            session.problem = str(error)
        else:
            # A fresh cookie, so that nobody who planted the old one sits in this session.
            key, session = self._renew(request)
            session.tokens = tokens
        return redirect("/", headers=[_cookie(key)])

    def _form(self, work: Callable[[Session, dict[str, str]], Awaitable[str]]) -> Callable[..., Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            _, session = self._session(request)
            form, _ = _parameters(request.body)
            if session is None or not hmac.compare_digest(session.csrf.encode(), form.get("csrf", "").encode()):
                return text(403, "This form is not from this page, or too old. Open the page again.")
            try:
                location = await work(session, form)
            except ClientError as error:
                session.problem, location = str(error), "/"
            return redirect(location)

        return handle

    async def _sign_in(self, session: Session, _: dict[str, str]) -> str:
        location, session.pending = await self._client.start()
        return location

    async def _read(self, session: Session, _: dict[str, str]) -> str:
        await self._call(session, "GET", "")
        return "/"

    async def _add(self, session: Session, form: dict[str, str]) -> str:
        await self._call(session, "POST", form.get("note", ""))
        return "/"

    async def _call(self, session: Session, method: str, note: str) -> None:
        answer = await self._client.call_api(_signed_in(session), method, note)
        try:
            content = _pretty(msgspec.json.decode(answer.body)) if answer.body else ""
        except msgspec.DecodeError:
            content = answer.body.decode("utf-8", "replace")
        challenge = answer.headers.get("www-authenticate", "")
        session.api = {"request": f"{method} {self._demo.resource}notes", "status": answer.status, "body": content}
        session.api["challenge"] = challenge

    async def _refresh(self, session: Session, _: dict[str, str]) -> str:
        session.tokens = await self._client.refresh(_signed_in(session))
        return "/"

    async def _sign_out(self, session: Session, _: dict[str, str]) -> str:
        tokens, session.tokens, session.api = _signed_in(session), None, None
        await self._client.revoke(tokens)
        return "/"

    def _session(self, request: Request) -> tuple[str, Session | None]:
        key = request.cookie(COOKIE) or ""
        return key, self._sessions.get(key)

    def _begin(self) -> tuple[str, Session]:
        key, session = random_token(), Session()
        self._sessions[key] = session
        if len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return key, session

    def _renew(self, request: Request) -> tuple[str, Session]:
        self._sessions.pop(request.cookie(COOKIE) or "", None)
        return self._begin()


def _signed_in(session: Session) -> Tokens:
    if session.tokens is None:
        raise ClientError("Sign in first.")
    return session.tokens


def _parameters(encoded: bytes) -> tuple[dict[str, str], bool]:
    try:
        pairs = parse_qsl(encoded.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}, False
    return dict(pairs), len(dict(pairs)) != len(pairs)


def _cookie(key: str) -> tuple[bytes, bytes]:
    # No Secure: the demo is plain http on this machine.
    return b"set-cookie", f"{COOKIE}={key}; Path=/; HttpOnly; SameSite=Lax".encode()


def _pretty(content: object) -> str:
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()


def _shortened(response: dict[str, Any]) -> dict[str, Any]:
    """Tokens stay with the client: the page shows enough to tell them apart."""
    return {
        name: f"{value[:_SHOWN]}…{value[-_SHOWN:]} ({len(value)} characters)" if name.endswith("_token") else value
        for name, value in response.items()
    }
