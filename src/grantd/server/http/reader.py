"""Reading HTTP/1.1 requests: httptools with limits and strictness.

httptools (llhttp in strict mode) refuses by itself: both Content-Length and Transfer-Encoding, repeated or malformed
Content-Length, folded header lines, bare CR or LF, control characters in header names, values and targets, malformed
chunks. This module adds the rest.
"""

from collections import deque
from urllib.parse import unquote

import httptools

from grantd.server.http.incoming import Incoming
from grantd.server.http.messages import HeaderList
from grantd.server.settings.model import LimitSettings

_CONNECTION_OPTIONS = frozenset({b"close", b"keep-alive"})
_CHUNK_OVERHEAD = 8


class RefusedError(Exception):
    """What is being read gets an error and the end of its connection."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class RequestReader:
    """The requests of one connection, as they come.

    Args:
        limits: of sizes; deadlines are the connection's.
        queue: receives each request once its head is complete; the last may still lack its body.
        queued: most requests that may wait there.
        peer: IP address of the other end.
        certificate: DER of the client certificate of the TLS connection, if any.
    """

    __slots__ = (
        "_block_bytes",
        "_certificate",
        "_first_bytes",
        "_header_bytes",
        "_header_count",
        "_headers",
        "_ignoring_upgrade",
        "_limits",
        "_parser",
        "_parts",
        "_peer",
        "_queue",
        "_queued",
        "_raw_bytes",
        "_refusal",
        "_url",
        "begun",
        "body_bytes",
        "current",
        "heads",
    )

    def __init__(
        self, limits: LimitSettings, queue: deque[Incoming], *, queued: int, peer: str, certificate: bytes | None
    ) -> None:
        self._limits = limits
        self._header_count = limits.header_count
        self._header_bytes = limits.header_bytes
        self._queue = queue
        self._queued = queued
        self._peer = peer
        self._certificate = certificate
        self._headers: HeaderList = []
        self._url = b""
        self._parts: list[bytes] = []
        self._block_bytes = 0  # of the block being read
        self._first_bytes = 0  # of the block in which the current message begins
        self._raw_bytes = 0  # of the current message, without that block
        self._ignoring_upgrade = False  # this head is read a second time
        self._refusal: RefusedError | None = None
        self.begun = False
        """The first byte of a message came, and not yet its last."""
        self.current: Incoming | None = None
        """The request whose body is being read."""
        self.body_bytes = 0
        """How much of that body came."""
        self.heads = 0
        """How many heads were read to their end."""
        self._parser = self._new_parser()

    def feed(self, data: bytes) -> None:
        """Read on.

        Raises:
            RefusedError: the message that is being read is malformed or too long. Nothing may be fed afterwards.
        """
        self._block_bytes = size = len(data)
        self._raw_bytes += size
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            raise self._refusal or RefusedError(400, "Malformed HTTP request") from None
        if self.begun and self._raw_bytes > self._allowance():
            status = 400 if self.current is not None else 431
            raise RefusedError(status, "Too many bytes around the content")

    def end(self) -> None:
        """Let go of the parser: both refer to each other."""
        del self._parser

    # Parser callbacks

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.begun = True
        self._url = b""
        self._headers = []
        self._first_bytes = self._block_bytes
        self._raw_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Limit the request target (RFC 9110 section 15.5.15)."""
        self._url += url
        if len(self._url) > self._limits.target_bytes:
            self._leave(414, "The request target is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Limit the number of header fields, and of trailers (RFC 6585 section 5)."""
        headers = self._headers
        headers.append((name.lower(), value))
        if len(headers) > self._header_count:
            self._leave(431, "Too many or too long header fields")

    def on_headers_complete(self) -> None:
        """Check what only the whole head shows, then queue the request."""
        parser = self._parser
        upgrade = parser.should_upgrade()
        method = parser.get_method().decode("ascii")
        if upgrade and method != "CONNECT":
            self._ignoring_upgrade = True
            return
        version = parser.get_http_version()
        headers = self._headers
        self._check_size(headers)
        url = self._url
        if url[:1] != b"/" or upgrade or b"#" in url:
            url = self._origin_form(url, tunnel=upgrade)
        raw_path, _, query = url.partition(b"?")
        path = raw_path.decode("ascii")
        if "%" in path:
            path = unquote(path)
        request = Incoming(method, path, raw_path, query, headers, self._peer, self._certificate)
        self._check_fields(request, version)
        # RFC 9112 section 9.3; persistent connections of HTTP/1.0 are not worth their traps (appendix C.2.2).
        request.keep_alive = version == "1.1" and parser.should_keep_alive()
        if len(self._queue) >= self._queued:
            self._leave(429, "Too many requests in the pipeline")
        # RFC 9110 section 6.5.1: trailers must not be taken for header fields.
        self._headers = []
        self.heads += 1
        self.current = request
        self._queue.append(request)

    def on_body(self, body: bytes) -> None:
        """Keep the content."""
        self.body_bytes += len(body)
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Make the request whole."""
        if self._ignoring_upgrade:
            return
        request = self.current
        assert request is not None  # noqa: S101 - a head comes before this; tells the type checker
        if self._headers:
            self._check_size(self._headers)
        parts = self._parts
        if parts:
            request.body = parts[0] if len(parts) == 1 else b"".join(parts)
            self._parts = []
            self.body_bytes = 0
        request.whole = True
        self.current = None
        self.begun = False

    # Strictness

    def _check_size(self, headers: HeaderList) -> None:
        """Limit the size of header fields (RFC 6585 section 5)."""
        if self._first_bytes + self._raw_bytes <= self._header_bytes:
            return
        if sum([len(name) + len(value) for name, value in headers]) > self._header_bytes:
            self._leave(431, "Too many or too long header fields")

    def _check_fields(self, request: Incoming, version: str) -> None:
        headers, fields = request.headers, request.fields
        if len(fields) != len(headers) and len(request.header_all(b"host")) > 1:
            # RFC 9112 section 3.2.
            self._leave(400, "More than one Host header field")
        if version != "1.1":
            if version != "1.0":
                self._leave(400, "This server speaks HTTP/1.1")
            if b"transfer-encoding" in fields:
                # RFC 9112 section 6.1: faulty framing in HTTP/1.0.
                self._leave(400, "HTTP/1.0 has no Transfer-Encoding")
        elif b"host" not in fields:
            # RFC 9112 section 3.2.
            self._leave(400, "The Host header field is missing")
        if b"transfer-encoding" in fields and [value.lower() for value in request.header_all(b"transfer-encoding")] != [
            b"chunked"
        ]:
            # RFC 9112 section 6.1.
            self._leave(400, "The only transfer coding here is chunked")

    def _origin_form(self, url: bytes, *, tunnel: bool) -> bytes:
        """Accept the absolute form for the host of the Host field only (RFC 9112 section 3.2.2)."""
        scheme, separator, rest = url.partition(b"://")
        authority, slash, _ = rest.partition(b"/")
        host = next((value for name, value in self._headers if name == b"host"), b"")
        if (
            not separator
            or not slash
            or scheme.lower() not in {b"http", b"https"}
            or authority.lower() != host.lower()
            or b"#" in url
            or tunnel
        ):
            self._leave(400, "The request target has a form that is not served here")
        return url[len(scheme) + len(separator) + len(authority) :]

    def _leave(self, status: int, sentence: str) -> None:
        """Stop parsing: from inside a callback of the parser."""
        self._refusal = RefusedError(status, sentence)
        raise self._refusal

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Read a request with Upgrade again as one without (RFC 9110 section 7.8).

        The parser takes what follows such a head for another protocol, so a body would be lost: clients that offer
        ``h2c`` by default send token requests like that.
        """
        version = self._parser.get_http_version().encode("ascii")
        head = [b"%b %b HTTP/%b\r\n" % (self._parser.get_method(), self._url, version)]
        for name, value in self._headers:
            if name == b"connection":
                kept = [option for option in value.split(b",") if option.strip().lower() in _CONNECTION_OPTIONS]
                head.append(b"connection: %b\r\n" % b",".join(kept))
            elif name != b"upgrade":
                head.append(b"%b: %b\r\n" % (name, value))
        self._parser = self._new_parser()
        self._ignoring_upgrade = False
        self.feed(b"".join([*head, b"\r\n", rest]))

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # What follows a request with ``Connection: close`` is ignored, not an error that would come after its answer.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _allowance(self) -> int:
        """Return how many raw bytes the current message may have: its head, its body, and framing in proportion.

        Stops endless lines that never reach a callback: header fields, chunk extensions, trailers.
        """
        return self._limits.header_bytes + self._limits.target_bytes + _CHUNK_OVERHEAD * self.body_bytes
