"""A real server on a thread, for tests that speak to its socket."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

import uvloop

from grantd.server.http.application import EdgeApplication
from grantd.server.http.forms import form_body
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import json_response
from grantd.server.http.routes import Route, StaticEntity
from grantd.server.http.serve import _configure, _Server, listen
from grantd.server.settings.model import LimitSettings

HOST = b"as.example"
LIMITS = LimitSettings(
    header_count=16,
    header_bytes=2048,
    target_bytes=1024,
    body_bytes=4096,
    header_seconds=0.4,
    body_seconds=0.4,
    keep_alive_seconds=0.8,
    connections=40,
    drain_seconds=2.0,
)


@dataclass
class Seen:
    """What reached the handlers."""

    requests: list[Request] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    evil: bytes = b""


@dataclass
class Running:
    address: tuple[str, int]
    seen: Seen


def application(seen: Seen, limits: LimitSettings = LIMITS) -> EdgeApplication:
    async def token(request: Request) -> Response:
        seen.requests.append(request)
        parameters = form_body(request, repeatable=frozenset(), limits=limits)
        return json_response(200, dict(parameters.items()))

    async def slow(request: Request) -> Response:
        seen.requests.append(request)
        await asyncio.sleep(0.2)
        return json_response(200, {"slow": True})

    async def split(request: Request) -> Response:
        return Response(200, headers=[(b"x-evil", seen.evil)])

    app = EdgeApplication(limits=limits, on_error=lambda _, error: seen.errors.append(error))
    app.add("as.example", "/metadata", Route(name="metadata", static=StaticEntity.of(b'{"issuer":1}')))
    app.add("as.example", "/token", Route(name="token", methods={"POST": token}))
    app.add("as.example", "/slow", Route(name="slow", methods={"GET": slow, "POST": slow}))
    app.add("as.example", "/split", Route(name="split", methods={"GET": split}))
    return app


@contextlib.contextmanager
def running(*, limits: LimitSettings = LIMITS, tls: ssl.SSLContext | None = None) -> Iterator[Running]:
    seen = Seen()
    sock = listen("127.0.0.1", 0)
    address = sock.getsockname()
    server = _Server(_configure(application(seen, limits), limits, tls=tls, lifespan="off"))

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.serve_quietly(sock))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield Running(address, seen)
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


class Connection:
    """A client that sends what it likes."""

    def __init__(self, server: Running) -> None:
        self.socket = socket.create_connection(server.address, timeout=5)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_if_possible(self, data: bytes) -> bool:
        try:
            self.socket.sendall(data)
        except (ConnectionError, TimeoutError):
            return False
        return True

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def response(self) -> tuple[int, dict[bytes, bytes], bytes]:
        """Read one response."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        status_line, *lines = head.split(b"\r\n")
        assert status_line.startswith(b"HTTP/1.1 ")
        headers = {name.lower(): value for name, value in (line.split(b": ", 1) for line in lines)}
        length = int(headers.get(b"content-length", b"0"))
        while len(self._buffer) < length:
            self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return int(status_line.split(b" ")[1]), headers, body

    def status(self) -> int:
        return self.response()[0]

    def closes(self, within: float = 3.0) -> bool:
        """Tell whether the server ends the connection, with nothing more said."""
        self.socket.settimeout(within)
        started = time.monotonic()
        try:
            rest = self._buffer + self.socket.recv(65536)
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        assert rest == b"", rest
        return time.monotonic() - started < within

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError(f"the server closed after {self._buffer!r}")
        self._buffer += data


def request(
    target: bytes = b"/metadata",
    *lines: bytes,
    method: bytes = b"GET",
    version: bytes = b"HTTP/1.1",
    body: bytes = b"",
    host: bytes | None = HOST,
) -> bytes:
    """Write a request; ``lines`` are header lines."""
    head = [method + b" " + target + b" " + version]
    if host is not None:
        head.append(b"Host: " + host)
    return b"\r\n".join([*head, *lines, b"", body])


def post(body: bytes, *lines: bytes, target: bytes = b"/token") -> bytes:
    form = b"Content-Type: application/x-www-form-urlencoded"
    return request(target, form, b"Content-Length: %d" % len(body), *lines, method=b"POST", body=body)


def chunked(rest: bytes, *lines: bytes, target: bytes = b"/token") -> bytes:
    form = b"Content-Type: application/x-www-form-urlencoded"
    return request(target, form, b"Transfer-Encoding: chunked", *lines, method=b"POST", body=rest)
