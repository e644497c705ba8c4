"""ASGI on both sides: other servers in front of our application, and our server in front of other applications."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from grantd.core.errors import InvalidRequestError
from grantd.server.http.incoming import Incoming, Responder
from grantd.server.http.messages import HeaderList, Response
from grantd.server.http.responses import error_response, text
from grantd.server.http.wire import content, framed

CLIENT_CERTIFICATE: Final = "grantd.client_certificate"
"""Key in ``scope["extensions"]``: DER of the certificate that the TLS client proved to own."""

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[..., Awaitable[None]]

_ASGI = {"version": "3.0", "spec_version": "2.3"}
_CLOSE = (b"connection", b"close")
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class _RefusingResponder(Responder, Protocol):
    async def respond(self, request: Incoming, refusal: Response | None = None, /) -> Response: ...


async def answer_scope(
    responder: _RefusingResponder, scope: Scope, receive: Receive, send: Send, *, body_seconds: float | None
) -> None:
    """Answer one request of an ASGI server.

    Args:
        responder: our application.
        scope: of the type ``http``.
        receive: of ASGI.
        send: of ASGI.
        body_seconds: how long the body may take; ``None`` where the server sees to it.
    """
    extensions = scope.get("extensions")
    request = Incoming(
        scope["method"],
        scope["path"],
        scope.get("raw_path") or b"",
        scope["query_string"],
        list(scope["headers"]),
        scope["client"][0] if scope.get("client") else "",
        extensions.get(CLIENT_CERTIFICATE) if extensions else None,
    )
    response = responder.respond_now(request)
    if response is None:
        refusal = None
        limit = responder.body_limit(request)
        if limit is not None:
            try:
                async with asyncio.timeout(body_seconds):
                    await _read_body(request, limit, receive)
            except TimeoutError:
                refusal = closing("the body took too long to arrive", 408)
        if request.gone:
            responder.abandoned(request)
            return
        response = await responder.respond(request, refusal)
    headers = list(framed(response))
    if request.correlation_id:
        headers.append((b"x-correlation-id", request.correlation_id.encode("ascii")))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": content(response, request.method)})


async def _read_body(request: Incoming, limit: int, receive: Receive) -> None:
    """Read a body until it is whole or longer than ``limit`` bytes."""
    parts: list[bytes] = []
    size = 0
    while size <= limit and not request.whole:
        message = await receive()
        if message["type"] == "http.disconnect":
            request.gone = True
            return
        part = message.get("body", b"")
        size += len(part)
        parts.append(part)
        request.whole = not message.get("more_body")
    request.body = b"".join(parts)


def closing(sentence: str, status: int) -> Response:
    """Build the refusal of a body that will not be read to its end."""
    error = InvalidRequestError(sentence)
    error.headers.append(_CLOSE)
    return error_response(error, status=status)


class AsgiResponder:
    """Lets ``EdgeProtocol`` serve an ASGI application that gives whole responses: metrics, a demonstration.

    Responses are collected before they are sent; endless ones do not suit.

    Args:
        application: receives no lifespan events.
        body_bytes: longest body of a request.
    """

    def __init__(self, application: Application, *, body_bytes: int) -> None:
        self._application = application
        self._body_bytes = body_bytes

    def respond_now(self, request: Incoming) -> Response | None:
        """Answer nothing at once."""
        del request
        return None

    def body_limit(self, request: Incoming) -> int | None:
        """Return the longest body."""
        declared = request.fields.get(b"content-length", b"0")
        return None if int(declared) > self._body_bytes else self._body_bytes

    def abandoned(self, request: Incoming) -> None:
        """Do nothing: the application never heard of it."""

    async def respond(self, request: Incoming, /) -> Response:
        """Call the application.

        Raises:
            RuntimeError: it returned without a whole response.
        """
        if not request.whole or len(request.body) > self._body_bytes:
            return text(413, "The body is too long.\n", headers=[_CLOSE])
        parts: list[bytes] = []
        started: Message | None = None
        ended = False
        incoming: list[Message] = [{"type": "http.request", "body": request.body, "more_body": False}]

        async def receive() -> Message:
            if incoming:
                return incoming.pop()
            # ASGI tells of the end of the connection; a response that is still due is given first.
            never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
            return await never

        async def send(message: Message) -> None:
            nonlocal started, ended
            if message["type"] == "http.response.start":
                started = message
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
                ended = not message.get("more_body", False)

        await self._application(self._scope(request), receive, send)
        if started is None or not ended:
            raise RuntimeError("the application returned without a whole response")
        headers: HeaderList = [(name.lower(), value) for name, value in started.get("headers", ())]
        return Response(
            started["status"],
            headers=[(name, value) for name, value in headers if name not in _FRAMING],
            body=b"".join(parts),
        )

    def _scope(self, request: Incoming) -> Scope:
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": "1.1",
            "server": None,
            "client": (request.client_address, 0) if request.client_address else None,
            "scheme": "http",
            # The length of the response to HEAD is that of GET (RFC 9110 section 9.3.2); the edge cuts the body.
            "method": "GET" if request.method == "HEAD" else request.method,
            "root_path": "",
            "path": request.path,
            "raw_path": request.raw_path,
            "query_string": request.query,
            "headers": request.headers,
        }
