"""What stands between a server and an application: a request on its way in, and who answers it."""

from typing import TYPE_CHECKING, Protocol

from grantd.server.http.messages import HeaderList, Request, Response, first_fields

if TYPE_CHECKING:
    from grantd.server.http.routes import PreparedRoute


class Incoming(Request):
    """A request with what the edge itself must know of it.

    Args:
        method: upper-case method.
        path: percent-decoded path.
        raw_path: the path as it came; may be empty where the server does not tell.
        query: raw query string, without ``?``.
        headers: raw headers with lower-case names; never changed afterwards.
        peer: IP address of the other end of the connection.
        certificate: DER of the client certificate of the TLS connection, if any.
    """

    __slots__ = ("fields", "gone", "keep_alive", "raw_path", "route", "started", "whole")

    def __init__(
        self,
        method: str,
        path: str,
        raw_path: bytes,
        query: bytes,
        headers: HeaderList,
        peer: str,
        certificate: bytes | None,
    ) -> None:
        self.method = method
        self.path = path
        self.raw_path = raw_path
        self.query = query
        self.headers = headers
        self.fields = self._fields = first_fields(headers)
        self.body = b""
        self.client_address = peer
        self.correlation_id = ""
        self.certificate = certificate
        self.whole = False
        """The body is read to its end."""
        self.gone = False
        """Nobody waits for the response."""
        self.keep_alive = True
        """The connection may go on after the response."""
        self.route: PreparedRoute | None = None
        self.started = 0.0


class Responder(Protocol):
    """Answers requests: ``EdgeApplication``, or ``AsgiResponder`` for other applications."""

    def respond_now(self, request: Incoming) -> Response | None:
        """Begin to answer, and give the response if nothing must be waited for.

        Called once for each request that will be answered, before ``respond``. A response may be shared between
        requests: it must not be changed.
        """

    async def respond(self, request: Incoming, /) -> Response:
        """Answer. The request is whole, or ``body_limit`` said that the rest of it does not matter."""

    def body_limit(self, request: Incoming) -> int | None:
        """Return how many bytes of body are worth reading; ``None`` when the answer does not need the body.

        The answer to a longer body, or to one whose length is declared to be longer, is a refusal.
        """

    def abandoned(self, request: Incoming) -> None:
        """Hear that a request never became whole, or that nobody waits for its response."""
