"""The browser of the flow tests, against a few pages with the traps that real ones have."""

from collections.abc import Callable

import httpx
import pytest
from tests.support.browser import Browser

SIGN_IN = """<form method=get action="/language"><input name=lang value=en><button>Go</button></form>
<form method="post" action="/sign-in?step=1&amp;x=2"><input type="hidden" name="proof" value="a&amp;b">
<input name="username"><input type="password" name="password"><button>Sign in</button></form>"""
CONSENT = """<form method="post" action="/consent"><input type=hidden name=proof value=c>
<label><input type="checkbox" name="scope" value="read" checked></label>
<label><input type="checkbox" name="scope" value="write" checked></label>
<input type="checkbox" name="scope" value="extra"><input name=off value=1 disabled>
<button name="decision" value="allow">Allow</button><button name="decision" value="deny">No</button></form>"""


class Site:
    def __init__(self, password: str = "right") -> None:
        self.password = password
        self.seen: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = request.content.decode()
        self.seen.append((f"{request.method} {request.url.raw_path.decode()}", body))
        match request.url.path:
            case "/authorize":
                cookie = {"set-cookie": "session=s1; Secure; HttpOnly; Path=/", "location": "/sign-in"}
                return httpx.Response(303, headers=cookie)
            case "/sign-in" if request.method == "GET" or f"password={self.password}" not in body:
                return httpx.Response(200, text=SIGN_IN)
            case "/sign-in":
                assert request.headers["cookie"] == "session=s1"
                assert request.headers["origin"] == "http://localhost:1"
                return httpx.Response(200, text=CONSENT)
            case _:
                return httpx.Response(303, headers={"location": "http://127.0.0.1:2/cb?code=1&iss=x"})


def browser_at(site: Callable[[httpx.Request], httpx.Response]) -> Browser:
    browser = Browser()
    browser.client = httpx.Client(transport=httpx.MockTransport(site))
    return browser


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_walks_through_sign_in_and_consent(decision: str) -> None:
    site = Site()
    with browser_at(site) as browser:
        target = browser.authorize(
            "http://localhost:1/authorize?a=1",
            username="ana",
            password="right",
            decision=decision,
            without=frozenset({"write"}),
        )
    assert target == "http://127.0.0.1:2/cb?code=1&iss=x"
    assert site.seen == [
        ("GET /authorize?a=1", ""),
        ("GET /sign-in", ""),
        ("POST /sign-in?step=1&x=2", "proof=a%26b&username=ana&password=right"),
        ("POST /consent", f"proof=c&scope=read&decision={decision}"),
    ]


def test_a_refused_sign_in_is_an_error() -> None:
    with browser_at(Site()) as browser, pytest.raises(PermissionError):
        browser.authorize("http://localhost:1/authorize", username="ana", password="wrong")


def test_a_page_without_decision_is_an_error() -> None:
    def site(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, text="<h1>No such client</h1>", request=request)

    with browser_at(site) as browser, pytest.raises(LookupError, match="400"):
        browser.authorize("http://localhost:1/authorize", username="ana", password="right")
