"""The least that a Python server can do: fixed answers from a bare ASGI application on grantd's own HTTP server.

``GET /SIZE`` and ``POST /SIZE`` answer with SIZE bytes of JSON; a POST reads its form first.

    python bare.py PORT
"""

import sys
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

from grantd.server.http import serve
from grantd.server.settings.model import ServerSettings

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@lru_cache(maxsize=64)
def answer(path: str) -> tuple[Message, Message]:
    """Prepare the answer to a path."""
    body = b'"' + b"x" * (int(path.removeprefix("/")) - 2) + b'"'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


async def live(receive: Receive, send: Send) -> None:
    """Speak the lifespan protocol of ASGI, which the server insists on."""
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Answer one request."""
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    if scope["method"] == "POST":
        body = b""
        more = True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
    start, end = answer(scope["path"])
    await send(start)
    await send(end)


if __name__ == "__main__":
    serve.serve(application, ServerSettings(host="127.0.0.1", port=int(sys.argv[1])))
