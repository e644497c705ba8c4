"""The work: what each scenario sends, written out as a plan for load/load.lua."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

from browser import Browser
from targets import Endpoints, Target
from tools import BenchError

CLIENT_ID = "bench-basic"
CLIENT_SECRET = "bench-client-8uZ0pDq3mWn6Yt1RkLs5Xc9Vb2Hg7Jf4"
RESOURCE_SERVER_ID = "bench-api"
RESOURCE_SERVER_SECRET = "bench-api-Qe4Tn8Uy1Ib6Om3Pz5As7Dw2Fr9Gx0Hk"
RESOURCE = "https://api.example/"
REDIRECT_URI = "https://client.example/callback"
SCOPE = "read"
PASSWORD = "correct horse battery staple"

_VERIFIER = "grantd-bench-code-verifier-0123456789-abcdefghijk"
_CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(_VERIFIER.encode()).digest()).rstrip(b"=").decode()
_CODE_FORM = {"redirect_uri": REDIRECT_URI, "code_verifier": _VERIFIER, "resource": RESOURCE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A kind of work and its goal.

    Args:
        name: as on the command line.
        unit: what the figures count.
        ratio: the peer's CPU time is to be at least this many times ours.
        above_bare: our CPU time is to be at most this many microseconds above the bare application's.
    """

    name: str
    unit: str = "request"
    ratio: float | None = None
    above_bare: float | None = None


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(name="cc_basic", ratio=2.5),
        Scenario(name="refresh", ratio=2.3),
        Scenario(name="code", unit="flow", ratio=2.5),
        Scenario(name="introspect", above_bare=15),
        Scenario(name="jwks", above_bare=5),
        Scenario(name="meta", above_bare=5),
    )
}


def basic(user: str, password: str) -> str:
    """Return the ``Authorization`` header of a client (OAuth 2.1 section 2.4.1)."""
    return "Basic " + base64.b64encode(f"{quote_plus(user)}:{quote_plus(password)}".encode()).decode()


_CLIENT = basic(CLIENT_ID, CLIENT_SECRET)


@dataclass(frozen=True, slots=True)
class Replay:
    """A request that is answered with the same work again and again."""

    method: str
    path: str
    form: dict[str, str] | None = None
    authorization: str = ""

    def encode(self, target: Target) -> bytes:
        """Return the request as bytes."""
        if self.form is None:
            return _head(target, self.method, self.path, []) + b"\r\n"
        body = urlencode(self.form).encode()
        return _form_head(target, self.path, self.authorization) + b"%d\r\n\r\n" % len(body) + body


class Workload:
    """The work for one server: keeps its user agents signed in for the whole run.

    Args:
        target: the server.
        users: how many user agents.
    """

    def __init__(self, target: Target, *, users: int) -> None:
        self.target = target
        self._browsers = [Browser(target.base, username=f"user-{number}", password=PASSWORD) for number in range(users)]

    @property
    def endpoints(self) -> Endpoints:
        """The server's endpoints."""
        if self.target.endpoints is None:
            raise BenchError(f"{self.target.name} has no endpoints of its own")
        return self.target.endpoints

    def close(self) -> None:
        """Close the connections of the user agents."""
        for browser in self._browsers:
            browser.close()

    def plan(self, scenario: Scenario) -> str:
        """Return a fresh plan; state that the last one used up is made anew.

        Raises:
            BenchError: the server does not do the work of this scenario.
        """
        if scenario.name == "code":
            # Signs in where the server forgot a session.
            for browser in self._browsers:
                self._code(browser)
            return self._code_plan()
        if scenario.name == "refresh":
            tokens = [self._redeem(browser)["refresh_token"] for browser in self._browsers]
            return self._refresh_plan(tokens)
        return replay_plan(self.target, self.replays(scenario))

    def replays(self, scenario: Scenario) -> list[Replay]:
        """Return the requests of a scenario that replays.

        Raises:
            BenchError: the server answers the first one wrongly.
        """
        if scenario.name == "introspect":
            authorization = basic(*self.target.introspector)
            found = [
                Replay("POST", self.endpoints.introspection, {"token": self._client_token(browser)}, authorization)
                for browser in self._browsers
            ]
        elif scenario.name == "cc_basic":
            form = {"grant_type": "client_credentials", "scope": SCOPE, "resource": RESOURCE}
            found = [Replay("POST", self.endpoints.token, form, _CLIENT)]
        else:
            found = [Replay("GET", self.endpoints.jwks if scenario.name == "jwks" else self.endpoints.metadata)]
        self._check(scenario, found[0])
        return found

    def answer_size(self, request: Replay) -> int:
        """Return the length of an answer's body in bytes."""
        browser = self._browsers[0]
        page = browser.request(request.method, request.path, form=request.form, authorization=request.authorization)
        return len(page.body)

    def _check(self, scenario: Scenario, request: Replay) -> None:
        document = self._json(self._browsers[0], request)
        wanted: dict[str, Callable[[dict[str, Any]], bool]] = {
            "cc_basic": lambda answer: answer["access_token"].count(".") == 2,
            "introspect": lambda answer: answer["active"] is True,
            "jwks": lambda answer: bool(answer["keys"]),
            "meta": lambda answer: answer["issuer"].startswith(self.target.base),
        }
        if not wanted[scenario.name](document):
            raise BenchError(f"{self.target.name} answers {scenario.name} with {document}")

    def _code(self, browser: Browser) -> str:
        return browser.authorize(self._authorization_path(), REDIRECT_URI)

    def _redeem(self, browser: Browser) -> dict[str, Any]:
        form = {"grant_type": "authorization_code", "code": self._code(browser), **_CODE_FORM}
        return self._json(browser, Replay("POST", self.endpoints.token, form, _CLIENT))

    def _client_token(self, browser: Browser) -> str:
        form = {"grant_type": "client_credentials", "scope": SCOPE}
        if self.target.introspected_resource:
            form["resource"] = self.target.introspected_resource
        token: str = self._json(browser, Replay("POST", self.endpoints.token, form, _CLIENT))["access_token"]
        return token

    def _json(self, browser: Browser, request: Replay) -> dict[str, Any]:
        page = browser.request(request.method, request.path, form=request.form, authorization=request.authorization)
        if page.status != 200:
            raise BenchError(f"{self.target.name} answers {page.url} with {page.status}: {page.body[:400]!r}")
        document: dict[str, Any] = json.loads(page.body)
        return document

    def _authorization_path(self) -> str:
        parameters = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT_URI,
            "scope": SCOPE,
            "resource": RESOURCE,
            "state": "a-state-of-some-22-chars",
            "code_challenge": _CHALLENGE,
            "code_challenge_method": "S256",
        }
        return f"{self.endpoints.authorization}?{urlencode(parameters)}"

    def _code_plan(self) -> str:
        path = self._authorization_path()
        requests = [
            _head(self.target, "GET", path, [f"Cookie: {browser.cookie_header(self.endpoints.authorization)}"])
            + b"\r\n"
            for browser in self._browsers
        ]
        return _plan(
            kind=b"code",
            head=_form_head(self.target, self.endpoints.token, _CLIENT),
            tail=b"&" + urlencode(_CODE_FORM).encode(),
            authorize=requests,
        )

    def _refresh_plan(self, tokens: Sequence[str]) -> str:
        return _plan(
            kind=b"refresh",
            head=_form_head(self.target, self.endpoints.token, _CLIENT),
            tail=b"&" + urlencode({"resource": RESOURCE}).encode(),
            tokens=[quote_plus(token).encode() for token in tokens],
        )


def replay_plan(target: Target, requests: Iterable[Replay]) -> str:
    """Return the plan that sends these requests again and again."""
    return _plan(kind=b"replay", requests=[request.encode(target) for request in requests])


def _head(target: Target, method: str, path: str, headers: Iterable[str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {target.base.removeprefix('http://')}", *headers]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _form_head(target: Target, path: str, authorization: str) -> bytes:
    """Return the head of a form's request up to the value of Content-Length."""
    headers = [f"Authorization: {authorization}", "Content-Type: application/x-www-form-urlencoded"]
    return _head(target, "POST", path, headers) + b"Content-Length: "


def _plan(**members: bytes | Sequence[bytes]) -> str:
    """Write a Lua chunk that returns a table of strings and lists of strings."""
    lines = ["return {"]
    for name, value in members.items():
        if isinstance(value, bytes):
            lines.append(f"  {name} = {_lua(value)},")
        else:
            lines += [f"  {name} = {{", *(f"    {_lua(one)}," for one in value), "  },"]
    return "\n".join([*lines, "}", ""])


def _lua(value: bytes) -> str:
    """Quote a string for Lua."""
    return '"' + "".join(chr(c) if 32 <= c < 127 and c not in b'"\\' else f"\\{c:03d}" for c in value) + '"'
