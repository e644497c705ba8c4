"""Every page with lifelike content, and a small server that shows them with their exact headers."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from grantd.server.http.messages import Response
from grantd.server.pipeline.model import Challenge, ConsentContent, ConsentItem
from grantd.server.pipeline.pages import Brand, ClientView, ConsentView, Form, PasswordView, SignInView, WaitView
from grantd.server.web import JinjaPages, static_files

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

BRAND = Brand(name="Blue Bank", host="id.bluebank.example")
PARSNIP = ClientView(
    name="Parsnip",
    host="parsnip.example",
    standing="registered",
    developer="Parsnip Ltd, https://parsnip.example",
    policy_uri="https://parsnip.example/privacy",
    tos_uri="https://parsnip.example/terms",
)
STRANGER = ClientView(name="Totally Blue Bank Helper", host="helper-7f3a.apps.example", standing="unverified")
PROGRAM = ClientView(name="Calendar command line", host="127.0.0.1", standing="loopback")
OWN = ClientView(name="Blue Bank app", host="app.bluebank.example", standing="first_party")
CALENDAR = ConsentContent(
    section="scopes",
    title="Calendar API",
    subtitle="calendar.example",
    items=(
        ConsentItem(value="calendar.read", text="read your events", detail="calendar.read"),
        ConsentItem(value="calendar.write", text="add events and change them", detail="calendar.write"),
        ConsentItem(value="calendar.share", text="share your calendar with others", checked=False),
    ),
)
PROFILE = ConsentContent(
    section="scopes",
    title="Blue Bank",
    items=(ConsentItem(value="profile", text="see your name and picture", optional=False, detail="profile"),),
)
HOSTILE = (
    '</title><script>alert(1)</script><img src=x onerror=alert(2)>" autofocus onfocus=alert(3) {{7*191}} \u202egnp'
)


def form(step: str = "") -> Form:
    return Form(
        action=f"/interaction?i=abc&step={step}", csrf="c5rf", version=3, redirect_source="https://parsnip.example"
    )


def sign_in(client: ClientView, *, problem: str = "", username: str = "", status: int = 200) -> Challenge:
    view = SignInView(client=client, methods={"password": PasswordView(username=username)})
    return Challenge(step="sign_in", view=view, problem=problem, status=status)


def consent(
    client: ClientView, *contents: ConsentContent, lasting: int | None = 2_592_000, problem: str = ""
) -> Challenge:
    view = ConsentView(
        client=client,
        user_name="Ana Ruiz",
        username="ana",
        contents=contents,
        lasting=lasting,
        access_token_lifetime=600,
        return_host=client.host,
    )
    return Challenge(step="consent", view=view, problem=problem, status=400 if problem else 200)


@cache
def pages() -> JinjaPages:
    return JinjaPages()


def challenge(value: Challenge) -> Response:
    return pages().challenge(value, brand=BRAND, form=form(value.step), correlation_id="4f2a9c01d7")


@cache
def samples() -> dict[str, Response]:
    hostile = ClientView(name=HOSTILE, host=HOSTILE, standing="unverified", developer=HOSTILE, policy_uri=HOSTILE)
    long = "Anextraordinarilylongunbrokennameofanapplication" * 3
    return {
        "sign-in": challenge(sign_in(PARSNIP)),
        "sign-in-problem": challenge(sign_in(PROGRAM, problem="wrong_credentials", username="ana", status=401)),
        "consent": challenge(consent(PARSNIP, CALENDAR, PROFILE)),
        "consent-unverified": challenge(consent(STRANGER, CALENDAR, lasting=None)),
        "consent-problem": challenge(consent(OWN, CALENDAR, problem="nothing_chosen")),
        "hostile": challenge(
            consent(
                hostile,
                ConsentContent(
                    section="scopes", title=HOSTILE, items=(ConsentItem(value=HOSTILE, text=HOSTILE, detail=HOSTILE),)
                ),
            )
        ),
        "long": challenge(sign_in(ClientView(name=long, host=f"{long}.example", standing="unverified"))),
        "wait": challenge(Challenge(step="sign_in", view=WaitView(seconds=30))),
        "error": pages().error(
            "redirect_uri_mismatch",
            brand=BRAND,
            correlation_id="4f2a9c01d7",
            developer="redirect_uri https://parsnip.example/callbak is not one of the registered ones; compare exactly",
        ),
        "sign-out": pages().signed_out(brand=BRAND, correlation_id="4f2a9c01d7", form=form()),
        "signed-out": pages().signed_out(brand=BRAND, correlation_id="4f2a9c01d7", form=None),
    }


def chromium() -> str | None:
    return os.environ.get("GRANTD_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet an answer, as servers send them; otherwise the wait for acknowledgements is what gets measured.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        static = static_files(BRAND).get(self.path)
        if static is not None:
            self._answer(200, *static)
            return
        page = samples().get(self.path.removeprefix("/").partition("?")[0])
        if page is None:
            self._answer(404, [(b"content-type", b"text/plain")], b"nothing here")
        else:
            # The page's own status would only add noise to the console; the unit tests look at it.
            self._answer(200, page.headers, page.body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        origin = self.headers["origin"] or ""
        self._answer(200, [(b"content-type", b"text/plain"), (b"x-origin", origin.encode())], body)

    def _answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name.decode(), value.decode())
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Keep the test output clean."""


@contextmanager
def serving() -> Iterator[str]:
    """Serve the samples on loopback; yields the origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
