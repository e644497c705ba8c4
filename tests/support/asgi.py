"""Drives an ASGI application in process, with the cookies of one user agent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import msgspec

Pairs = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        value = self.header("location")
        assert value is not None, (self.status, self.body[:500])
        return value

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the redirect, each of which came once."""
        pairs = parse_qs(urlsplit(self.location).query, keep_blank_values=True, strict_parsing=True)
        assert all(len(values) == 1 for values in pairs.values()), pairs
        return {name: values[0] for name, values in pairs.items()}


@dataclass
class UserAgent:
    """Sends requests to one host of an application and keeps cookies."""

    application: Any
    host: str
    address: str = "192.0.2.10"
    scheme: str = "http"
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, target: str, headers: Pairs = ()) -> Answer:
        return await self.request("GET", target, headers=headers)

    async def post(self, target: str, form: Pairs | bytes = b"", headers: Pairs = ()) -> Answer:
        body = form if isinstance(form, bytes) else urlencode(list(_pairs(form))).encode()
        given = list(_pairs(headers))
        if not any(name.lower() == "content-type" for name, _ in given):
            given.append(("content-type", "application/x-www-form-urlencoded"))
        return await self.request("POST", target, body=body, headers=given)

    async def request(self, method: str, target: str, *, body: bytes = b"", headers: Pairs = ()) -> Answer:
        if target.startswith(("http://", "https://")):
            parts = urlsplit(target)
            assert parts.netloc == self.host, target
            target = parts.path + (f"?{parts.query}" if parts.query else "")
        path, _, query = target.partition("?")
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in _pairs(headers)]
        if not any(name == b"host" for name, _ in raw):
            raw.insert(0, (b"host", self.host.encode()))
        if self.cookies:
            raw.append((b"cookie", "; ".join(f"{n}={v}" for n, v in self.cookies.items()).encode()))
        if body:
            raw.append((b"content-length", str(len(body)).encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": self.scheme,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": raw,
            "client": (self.address, 40_000),
            "server": ("127.0.0.1", 9400),
        }
        sent: list[dict[str, Any]] = []
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.application(scope, receive, send)
        start = next(message for message in sent if message["type"] == "http.response.start")
        answer = Answer(
            status=start["status"],
            headers=tuple((n.decode().lower(), v.decode("latin-1")) for n, v in start["headers"]),
            body=b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body"),
        )
        self._keep(answer)
        return answer

    def _keep(self, answer: Answer) -> None:
        for cookie in answer.all("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            if "max-age=0" in cookie.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


def _pairs(pairs: Pairs) -> Iterable[tuple[str, str]]:
    return pairs.items() if isinstance(pairs, Mapping) else pairs
