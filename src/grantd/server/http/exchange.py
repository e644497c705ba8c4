"""One request and its response on a connection: uvicorn's cycle with a shorter way for whole responses.

uvicorn checks every header with two regular expressions and looks for every framing header in turn, which costs more
than the rest of a small response. Here a response that states its length goes out after one check of the whole head.
"""

from typing import Final

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

HEADER_BLOCK: Final = "grantd.header_block"
"""Key of ``http.response.start``: its headers as lines, checked when they were rendered. Other servers ignore it."""
CONTENT_LENGTH: Final = "grantd.content_length"
"""Key of ``http.response.start`` beside ``HEADER_BLOCK``: the length that the block states, in bytes."""


class EdgeCycle(RequestResponseCycle):
    """Sends heads with ``Content-Length`` on kept connections itself; the base class does everything else."""

    async def send(self, message: ASGISendEvent) -> None:
        """Receive an event of the application, as ASGI says.

        Raises:
            RuntimeError: the events are out of order, or a header holds CR, LF or NUL.
        """
        if self.response_started or message["type"] != "http.response.start" or not self.keep_alive:
            await super().send(message)
            return
        block: bytes | None = message.get(HEADER_BLOCK)  # type: ignore[assignment] # a key of our own
        if block is not None and not self.disconnected:
            date = b"".join([b"%b: %b\r\n" % field for field in self.default_headers])
            self.expected_content_length = message[CONTENT_LENGTH]  # type: ignore[typeddict-item] # a key of our own
            self._start(b"%b%b%b\r\n" % (STATUS_LINE[message["status"]], date, block))
            return
        headers = list(message.get("headers", ()))
        fields = dict(headers)
        length = fields.get(b"content-length")
        if length is None or b"connection" in fields or b"transfer-encoding" in fields or self.disconnected:
            await super().send(message)
            return
        lines = [b"%b: %b\r\n" % field for field in self.default_headers + headers]
        head = b"".join([STATUS_LINE[message["status"]], *lines, b"\r\n"])
        # A header that brings line ends of its own would split the response (RFC 9110 section 5.5).
        ends = len(lines) + 2
        if head.count(b"\r") != ends or head.count(b"\n") != ends or b"\0" in head:
            raise RuntimeError("a response header holds CR, LF or NUL")
        self.expected_content_length = int(length)
        self._start(head)

    def _start(self, head: bytes) -> None:
        self.chunked_encoding = False
        self.response_started = True
        self.waiting_for_100_continue = False
        self.transport.write(head)
