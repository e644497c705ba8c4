"""uvicorn's HTTP/1.1 protocol with what an edge needs: limits, deadlines, strictness, the TLS client certificate.

httptools (llhttp in strict mode) refuses by itself: both Content-Length and Transfer-Encoding, repeated or malformed
Content-Length, folded header lines, bare CR or LF, control characters in header names, values and targets, malformed
chunks. This class adds the rest. A refused request gets a minimal response and the end of its connection.
"""

import asyncio
import ssl
import sys
from typing import Any, Final
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application, ASGIVersions
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from grantd.server.http.exchange import EdgeCycle
from grantd.server.settings.model import LimitSettings

CLIENT_CERTIFICATE: Final = "grantd.client_certificate"
"""Key in ``scope["extensions"]``: DER of the certificate that the TLS client proved to own."""

_ASGI: Final[ASGIVersions] = {"version": "3.0", "spec_version": "2.3"}
_CONNECTION_OPTIONS = frozenset({b"close", b"keep-alive"})
_PIPELINED = 32
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 1_048_576
_CHUNK_OVERHEAD = 8
_EAGER = sys.version_info >= (3, 12)


_TOO_MANY_CONNECTIONS = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _RefusedError(Exception):
    """Leaves the parser from a callback; ``EdgeProtocol`` knows why."""


class EdgeProtocol(HttpToolsProtocol):
    """One connection. Use ``edge_protocol`` to bind limits."""

    limits: LimitSettings = LimitSettings()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._extensions: dict[str, object] | None = None
        self._outlet: _Outlet = None  # type: ignore[assignment] # made with the transport, as the base class does
        self._deadline: asyncio.TimerHandle | None = None
        self._begun = False  # the first byte of a message came
        self._in_head = True  # waiting for the end of a head
        self._head_bytes = 0
        self._head_count = 0
        self._has_host = False
        self._ignoring_upgrade = False  # this head is read a second time
        self._raw_bytes = 0  # of the current message, without its first block
        self._body_bytes = 0
        self._refusal: tuple[int, str] | None = None
        self._closing = False  # no more input is read
        self._lingered = 0
        self._unstarted: RequestResponseCycle | None = None  # its head came with the block being read

    # Connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base class
        """Start the clock of the first head; turn away what exceeds the number of connections."""
        super().connection_made(transport)
        self._outlet = _Outlet(transport, self)
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if tls is not None and (certificate := tls.getpeercert(binary_form=True)):
            self._extensions = {CLIENT_CERTIFICATE: certificate}
        if len(self.connections) > self.limits.connections:
            self._closing = True
            transport.write(_TOO_MANY_CONNECTIONS)
            transport.close()
            return
        self._deadline = self.loop.call_later(self.limits.header_seconds, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._stop_clock()
        self._closing = True
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self.pipeline.clear()

    def eof_received(self) -> bool | None:  # type: ignore[override] # the base class always closes
        """Keep a half-closed connection open until the requests that came whole are answered."""
        # The rest of a message that has begun can never come; TLS transports cannot stay half open.
        if self.scheme == "https" or self._closing or self._begun or self._idle():
            return None
        self.cycle.keep_alive = False
        return True

    # Input

    def data_received(self, data: bytes) -> None:
        """Feed the parser, hold what the limits say, keep the clocks."""
        if self._closing:
            self._lingered += len(data)
            if self._lingered > _LINGER_BYTES:
                self.transport.abort()
            return
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        self._raw_bytes += len(data)
        self._feed(data)
        self._start_unstarted()

    def _start_unstarted(self) -> None:
        """Start the application when the whole block is read: most requests are complete by then."""
        cycle, self._unstarted = self._unstarted, None
        if cycle is not None and not cycle.disconnected:
            self._start_asgi_task(cycle, self.app)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Run the application at once up to its first wait: many answers need none and no turn of the loop."""
        if not _EAGER:
            super()._start_asgi_task(cycle, app)
            return
        # typeshed has eager_start only from the version on that has it at run time.
        task = asyncio.Task(cycle.run_asgi(app), loop=self.loop, eager_start=True)
        if not task.done():
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            status, sentence = self._refusal or (400, "Malformed HTTP request")
            self._refuse(status, sentence)
            return
        if self._begun and self._raw_bytes > self._allowance():
            self._refuse(431 if self._in_head else 400, "Too many bytes around the content")
        elif self._deadline is None and not self._closing and (self._begun or self._idle()):
            self._start_clock()

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Read a request with Upgrade again as one without (RFC 9110 section 7.8).

        The parser takes what follows such a head for another protocol, so a body would be lost: clients that offer
        ``h2c`` by default send token requests like that.
        """
        version = self.parser.get_http_version().encode("ascii")
        head = [b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                kept = [option for option in value.split(b",") if option.strip().lower() in _CONNECTION_OPTIONS]
                head.append(b"connection: %b\r\n" % b",".join(kept))
            elif name != b"upgrade":
                head.append(b"%b: %b\r\n" % (name, value))
        self.parser = httptools.HttpRequestParser(self)
        self._ignoring_upgrade = False
        self._feed(b"".join([*head, b"\r\n", rest]))

    def _allowance(self) -> int:
        """Return how many raw bytes the current message may have: its head, its body, and framing in proportion.

        Stops endless lines that never reach a callback: header fields, chunk extensions, trailers.
        """
        return self.limits.header_bytes + self.limits.target_bytes + _CHUNK_OVERHEAD * self._body_bytes

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._begun = True
        self._in_head = True
        self._head_bytes = 0
        self._head_count = 0
        self._has_host = False
        self._raw_bytes = 0
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Limit the request target (RFC 9110 section 15.5.15)."""
        self.url += url
        if len(self.url) > self.limits.target_bytes:
            self._leave(414, "The request target is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Limit number and size of header fields (RFC 6585 section 5); drop trailers."""
        self._head_count += 1
        self._head_bytes += len(name) + len(value)
        if self._head_count > self.limits.header_count or self._head_bytes > self.limits.header_bytes:
            self._leave(431, "Too many or too long header fields")
        if not self._in_head:
            # RFC 9110 section 6.5.1: trailers must not be taken for header fields.
            return
        name = name.lower()
        self.headers.append((name, value))
        if name == b"host":
            # RFC 9112 section 3.2.
            if self._has_host:
                self._leave(400, "More than one Host header field")
            self._has_host = True
        elif name == b"transfer-encoding" and value.lower() != b"chunked":
            # RFC 9112 section 6.1.
            self._leave(400, "The only transfer coding here is chunked")
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        """Check what only the whole head shows, then hand the request to the application."""
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._ignoring_upgrade = True
            return
        version = self.parser.get_http_version()
        if version != "1.1":
            self._check_old_version(version)
        elif not self._has_host:
            # RFC 9112 section 3.2.
            self._leave(400, "The Host header field is missing")
        if self.url[:1] != b"/" or b"#" in self.url or self.parser.should_upgrade():
            self._check_target()
        if len(self.pipeline) >= _PIPELINED:
            self._leave(429, "Too many requests in the pipeline")
        if self._deadline is not None:
            self._stop_clock()
        self._begin_exchange(version)
        self._in_head = False

    def _begin_exchange(self, version: str) -> None:
        """Start the application, or queue the request behind those before it."""
        raw_path, _, query = self.url.partition(b"?")
        path = raw_path.decode("ascii")
        self.scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "method": self.parser.get_method().decode("ascii"),
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self.headers,
            "state": self.app_state.copy(),
        }
        if self._extensions is not None:
            self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item] # a key of our own
        waiting = not self._idle()
        self.cycle = EdgeCycle(
            scope=self.scope,
            transport=self._outlet,  # type: ignore[arg-type] # has all that the cycle uses
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if waiting:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        else:
            self._unstarted = self.cycle

    def on_body(self, body: bytes) -> None:
        """Count the content."""
        self._body_bytes += len(body)
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """Stop the clock of the body."""
        if self._ignoring_upgrade:
            return
        self._begun = False
        self._in_head = True
        if self._deadline is not None:
            self._stop_clock()
        if not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """Go on with the next request, or refuse what came after the last good one."""
        if self._closing and not self.pipeline:
            if self._refusal is not None:
                self._write_refusal()
            return
        super().on_response_complete()
        if self._begun and self.timeout_keep_alive_task is not None:
            # The next head is on its way and has a clock of its own.
            self._unset_keepalive_if_required()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, and do not wait for a client that never read its response."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    # Strictness

    def _check_old_version(self, version: str) -> None:
        if version != "1.0":
            self._leave(400, "This server speaks HTTP/1.1")
        if any(name == b"transfer-encoding" for name, _ in self.headers):
            # RFC 9112 section 6.1: faulty framing in HTTP/1.0.
            self._leave(400, "HTTP/1.0 has no Transfer-Encoding")

    def _check_target(self) -> None:
        """Accept the absolute form for the host of the Host field only (RFC 9112 section 3.2.2)."""
        scheme, separator, rest = self.url.partition(b"://")
        authority, slash, _ = rest.partition(b"/")
        host = next((value for name, value in self.headers if name == b"host"), b"")
        if (
            not separator
            or not slash
            or scheme.lower() not in {b"http", b"https"}
            or authority.lower() != host.lower()
            or b"#" in self.url
            or self.parser.should_upgrade()
        ):
            self._leave(400, "The request target has a form that is not served here")
        self.url = self.url[len(scheme) + len(separator) + len(authority) :]

    def _leave(self, status: int, sentence: str) -> None:
        """Stop parsing: from inside a callback of the parser."""
        self._refusal = (status, sentence)
        raise _RefusedError

    # Clocks

    def _start_clock(self) -> None:
        if self._begun and not self._in_head:
            self._deadline = self.loop.call_later(self.limits.body_seconds, self._too_slow)
        else:
            # Also for line ends between requests, which stop the keep-alive timer but begin nothing.
            self._deadline = self.loop.call_later(self.limits.header_seconds, self._too_slow)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self._closing:
            self._refuse(408, "The request took too long to arrive")

    # Refusals

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer the message that is being read with an error, after the answers to those before it."""
        self._refusal = (status, sentence)
        self._closing = True
        self._stop_clock()
        if self._in_head:
            if self._idle():
                self._write_refusal()
            else:
                # Earlier requests are still in work; on_response_complete comes back here.
                self.flow.pause_reading()
        elif self.pipeline and self.pipeline[0][0] is self.cycle:
            self.pipeline.popleft()
            self.flow.pause_reading()
        elif self.cycle.response_started:
            self.transport.close()
        else:
            # The application is reading this body: it sees a client that went away.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._write_refusal()

    def _idle(self) -> bool:
        """Tell whether no request is in work."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _write_refusal(self) -> None:
        status, sentence = self._refusal or (400, "Malformed HTTP request")
        self._refusal = None
        if self.transport.is_closing():
            return
        content = [STATUS_LINE[status]]
        for name, value in self.server_state.default_headers:
            content += [name, b": ", value, b"\r\n"]
        content += [
            b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n" % (len(sentence) + 1),
            b"cache-control: no-store\r\nconnection: close\r\n\r\n",
            sentence.encode("ascii"),
            b"\n",
        ]
        self.transport.write(b"".join(content))
        self._linger()

    def finish(self) -> None:
        """Close after the last response of the connection; let a request that is still coming run out first."""
        if self._begun or self._closing:
            self._closing = True
            self._stop_clock()
            self._linger()
        else:
            self.transport.close()

    def _linger(self) -> None:
        """Close for writing, read on for a moment (RFC 9112 section 9.6).

        Closing at once while input is unread resets the connection, and the client may never see the response.
        """
        self._unset_keepalive_if_required()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._deadline = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)


class _Outlet:
    """What a request-response cycle sees of the transport."""

    __slots__ = ("_protocol", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, protocol: EdgeProtocol) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self._protocol = protocol

    def close(self) -> None:
        self._protocol.finish()


def edge_protocol(limits: LimitSettings) -> type[EdgeProtocol]:
    """Return ``EdgeProtocol`` with limits, as a class for uvicorn's configuration."""
    return type("BoundEdgeProtocol", (EdgeProtocol,), {"limits": limits})
