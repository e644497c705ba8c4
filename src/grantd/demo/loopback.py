"""HTTP between the quickstart's parties, all on this machine."""

import asyncio
import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit

_SECONDS = 10
_MOST_BYTES = 262_144
_OK = 200


class LoopbackError(Exception):
    """The other party did not answer as it should."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes


async def call(method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
    """Send a request and read the answer; redirects are not followed.

    Args:
        method: upper-case method.
        url: http URL on localhost.
        headers: request headers.
        body: request body.

    Raises:
        LoopbackError: the address is not on this machine, nobody answers, or the answer is too large.
    """
    return await asyncio.to_thread(_call, method, url, headers or {}, body)


async def fetch(url: str) -> bytes:
    """Get a document, as ``grantd.resource.IssuerKeys`` asks for it.

    Raises:
        LoopbackError: it is not there.
    """
    answer = await call("GET", url, headers={"accept": "application/json"})
    if answer.status != _OK:
        raise LoopbackError(f"{url} answers {answer.status}")
    return answer.body


def _call(method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in {"localhost", "127.0.0.1"}:
        raise LoopbackError("the demo talks to this machine only")
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=_SECONDS)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body=body or None, headers=headers)
        response = connection.getresponse()
        content = response.read(_MOST_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise LoopbackError(f"{parts.netloc} does not answer: {error}") from error
    finally:
        connection.close()
    if len(content) > _MOST_BYTES:
        raise LoopbackError(f"{parts.netloc} answers more than {_MOST_BYTES} bytes")
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)
