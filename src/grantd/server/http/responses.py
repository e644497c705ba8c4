"""Builders of the responses that endpoints give."""

import msgspec

from grantd.core.errors import OAuthError
from grantd.server.http.messages import HeaderList, Response

_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_NO_STORE = (b"cache-control", b"no-store")
_NO_SNIFF = (b"x-content-type-options", b"nosniff")
_JSON_HEADERS = (_JSON,)
_JSON_NO_STORE = (_JSON, _NO_STORE)
_TEXT_NO_STORE = (_TEXT, _NO_STORE, _NO_SNIFF)
_REDIRECT = (_NO_STORE, (b"referrer-policy", b"no-referrer"))

_encode = msgspec.json.Encoder().encode


def json_response(
    status: int, content: object, *, no_store: bool = True, headers: HeaderList | None = None
) -> Response:
    """Build a JSON response.

    Args:
        status: HTTP status.
        content: what msgspec can encode, or the encoded bytes.
        no_store: add ``Cache-Control: no-store`` (OAuth 2.1 section 3.2.3).
        headers: further headers.
    """
    body = content if isinstance(content, bytes) else _encode(content)
    fixed = _JSON_NO_STORE if no_store else _JSON_HEADERS
    return Response(status, headers=[*fixed, *headers] if headers else [*fixed], body=body)


def error_response(error: OAuthError, *, status: int | None = None) -> Response:
    """Build the error response of OAuth 2.1 section 3.2.4; ``error.headers`` carries any ``WWW-Authenticate``.

    Args:
        error: its ``detail`` stays inside.
        status: instead of the status of the error's class.
    """
    members: dict[str, object] = {"error": error.code}
    if error.description:
        members["error_description"] = error.description
    for name, value in error.members.items():
        members.setdefault(name, value)
    return Response(status or error.status, headers=[*_JSON_NO_STORE, *error.headers], body=_encode(members))


def redirect(location: str, *, headers: HeaderList | None = None) -> Response:
    """Redirect by 303, which never repeats a body (OAuth 2.1 sections 1.6 and 7.5.3).

    Args:
        location: absolute URI or path, ASCII.
        headers: further headers, such as ``Set-Cookie``.

    Raises:
        ValueError: the location holds anything but visible ASCII.
    """
    if not location.isascii() or not location.isprintable() or " " in location:
        raise ValueError("a Location holds visible ASCII only")
    return Response(303, headers=[(b"location", location.encode("ascii")), *_REDIRECT, *(headers or ())])


def text(status: int, sentence: str, *, headers: HeaderList | None = None) -> Response:
    """Build a plain text response that nothing may store."""
    return Response(status, headers=[*_TEXT_NO_STORE, *(headers or ())], body=sentence.encode())


def empty(status: int = 200, *, headers: HeaderList | None = None) -> Response:
    """Build a response without content."""
    return Response(status, headers=[_NO_STORE, *(headers or ())])
