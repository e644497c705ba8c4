"""The ``Authorization`` and ``WWW-Authenticate`` headers of bearer tokens (OAuth 2.1 sections 5.1.1 and 5.3)."""

import re
from collections.abc import Iterable, Sequence

from grantd.core.errors import InvalidRequestError, wire_text

_TOKEN68 = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")
_QUOTABLE = re.compile(r"[\x20-\x7e]*")
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_URI = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def bearer_token(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the bearer token of a request.

    Only the ``Authorization`` header counts: query and body are never looked at (OAuth 2.1 section 5.1).

    Args:
        headers: raw headers with lower-case names, as ASGI gives them.

    Returns:
        The token, or ``None`` when the request brings no bearer credentials.

    Raises:
        InvalidRequestError: when the header came more than once or is malformed.
    """
    values = [value for name, value in headers if name == b"authorization"]
    if not values:
        return None
    # OAuth 2.1 section 5.3.2: more than one method or value is a malformed request.
    if len(values) > 1:
        raise InvalidRequestError("send one Authorization header")
    scheme, _, credentials = values[0].strip(b" \t").partition(b" ")
    # RFC 9110 section 11.1: the scheme's name has no letter case.
    if scheme.lower() != b"bearer":
        return None
    credentials = credentials.lstrip(b" ")
    if _TOKEN68.fullmatch(credentials) is None:
        raise InvalidRequestError("send the access token as: Authorization: Bearer, one space, the token")
    return credentials.decode("ascii")


def _quoted(text: str) -> str:
    if _QUOTABLE.fullmatch(text) is None:
        raise ValueError("a header value is printable ASCII")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def bearer_challenge(
    *,
    realm: str = "",
    scope: Sequence[str] = (),
    error: str = "",
    error_description: str = "",
    resource_metadata: str = "",
) -> str:
    """Return the value of ``WWW-Authenticate`` (OAuth 2.1 section 5.3.1); empty arguments are left out.

    Args:
        realm: name of the protected area, printable ASCII.
        scope: all scopes that the request needs.
        error: ``invalid_request``, ``invalid_token`` or ``insufficient_scope``.
        error_description: a sentence for the client's developer; foreign characters turn into ``?``.
        resource_metadata: URL of the protected resource metadata (RFC 9728 section 5.1).

    Raises:
        ValueError: when nothing at all would follow the scheme, or a value does not fit its syntax.
    """
    if not all(_SCOPE_TOKEN.fullmatch(one) for one in scope):
        raise ValueError("scope holds a character outside its alphabet")
    if resource_metadata and _URI.fullmatch(resource_metadata) is None:
        raise ValueError("resource_metadata is no URL")
    values = (
        ("realm", realm),
        ("error", error),
        ("error_description", wire_text(error_description)),
        ("scope", " ".join(scope)),
        ("resource_metadata", resource_metadata),
    )
    parameters = [f"{name}={_quoted(value)}" for name, value in values if value]
    if not parameters:
        raise ValueError("a challenge has at least one parameter")
    return "Bearer " + ", ".join(parameters)
