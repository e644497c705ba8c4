"""Responses as bytes: a head and a body in one piece."""

from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from grantd.server.http.messages import HeaderList, Response

_BODILESS = frozenset({204, 304})
_CLOSE = b"connection: close\r\n"


class Prepared(Response):
    """A response that many requests share; its head is bytes already.

    Raises:
        ValueError: a header holds CR, LF or NUL.
    """

    __slots__ = ("block",)

    def __init__(self, status: int, *, headers: HeaderList, body: bytes = b"") -> None:
        super().__init__(status, headers=headers, body=body)
        self.block = render_headers(framed(self))
        """The header lines, with the length."""


def render_headers(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return headers as lines of a response head.

    Raises:
        ValueError: one of them holds CR, LF or NUL.
    """
    lines = list(map(b": ".join, headers))
    if not lines:
        return b""
    block = b"%b\r\n" % b"\r\n".join(lines)
    # A header that brings line ends of its own would split the response (RFC 9110 section 5.5).
    ends = len(lines)
    if block.count(b"\r") != ends or block.count(b"\n") != ends or b"\0" in block:
        raise ValueError("a response header holds CR, LF or NUL")
    return block


def framed(response: Response) -> HeaderList:
    """Return the headers of a response with its length.

    There is none without content (RFC 9110 section 8.6); a 304 would have to tell that of the 200.
    """
    if response.status in _BODILESS:
        return response.headers
    return [*response.headers, (b"content-length", b"%d" % len(response.body))]


def content(response: Response, method: str) -> bytes:
    """Return the body that goes out: none to ``HEAD``, with 204 and with 304 (RFC 9110 section 6.4.1)."""
    return b"" if method == "HEAD" or response.status in _BODILESS else response.body


def is_last(response: Response) -> bool:
    """Tell whether the response itself ends the connection."""
    return (b"connection", b"close") in response.headers


class Writer:
    """Writes responses; one serves all connections of a server."""

    __slots__ = ("_defaults", "_starts")

    def __init__(self) -> None:
        self._defaults: HeaderList = []
        self._starts: dict[int, bytes] = {}

    def whole(self, response: Response, method: str, correlation_id: str, *, defaults: HeaderList, last: bool) -> bytes:
        """Return head and body.

        Args:
            response: what to say.
            method: of the request.
            correlation_id: of the request; may be empty.
            defaults: the headers of every response. The server makes a new list when they change: ``Date``.
            last: the connection ends with this response.

        Raises:
            ValueError: a header holds CR, LF or NUL.
            KeyError: there is no such status.
        """
        if defaults is not self._defaults:
            self._defaults = defaults
            self._starts.clear()
        status = response.status
        start = self._starts.get(status)
        if start is None:
            start = self._starts[status] = STATUS_LINE[status] + render_headers(defaults)
        block = response.block if type(response) is Prepared else render_headers(framed(response))
        end = b"x-correlation-id: %b\r\n" % correlation_id.encode("ascii") if correlation_id else b""
        if last and not is_last(response):
            end += _CLOSE
        return b"%b%b%b\r\n%b" % (start, block, end, content(response, method))
