"""One class per error code of the wire.

Every error carries three things: the registered code, a sentence for the client's developer, and a private
detail that only the log sees (OAuth 2.1 sections 3.2.4 and 4.1.2.1). The tree::

    OAuthError
    ├── InvalidRequestError           ├── UnauthorizedClientError       ├── InvalidScopeError
    ├── InvalidClientError            ├── UnsupportedGrantTypeError     ├── InvalidTargetError
    ├── InvalidGrantError             ├── UnsupportedResponseTypeError  ├── AccessDeniedError
    ├── UnsupportedTokenTypeError     ├── LoginRequiredError            ├── ConsentRequiredError
    ├── InteractionRequiredError      ├── ServerError              └── TemporarilyUnavailableError
"""

from typing import ClassVar

_DESCRIPTION_ALPHABET = frozenset(chr(c) for c in range(0x20, 0x7F) if chr(c) not in '"\\')


def wire_text(text: str) -> str:
    """Return ``text`` with every character outside %x20-21 / %x23-5B / %x5D-7E replaced by ``?``.

    OAuth 2.1 section 3.2.4 limits ``error_description`` to that alphabet.
    """
    return "".join(c if c in _DESCRIPTION_ALPHABET else "?" for c in text)


class OAuthError(Exception):
    """Root of all errors that reach the wire.

    Args:
        description: a sentence for the client's developer; never holds a secret.
        detail: what only the log may see.
        members: further members of the error response, by extension.
    """

    code: ClassVar[str] = "server_error"
    status: int = 400

    def __init__(
        self,
        description: str = "",
        *,
        detail: str = "",
        members: dict[str, object] | None = None,
    ) -> None:
        super().__init__(description or self.code)
        self.description = wire_text(description)
        self.detail = detail
        self.members = members or {}
        self.headers: list[tuple[bytes, bytes]] = []


class InvalidRequestError(OAuthError):
    """A parameter is missing, repeated or malformed."""

    code = "invalid_request"


class InvalidClientError(OAuthError):
    """Client authentication failed or is absent (OAuth 2.1 section 3.2.4).

    The status is 401 with ``WWW-Authenticate`` when the client used the ``Authorization`` header, or where the
    endpoint's own text asks for 401; otherwise 400.
    """

    code = "invalid_client"


class InvalidGrantError(OAuthError):
    """The code or refresh token is invalid, expired, revoked, or belongs to another client."""

    code = "invalid_grant"


class UnauthorizedClientError(OAuthError):
    """The client may not use this grant type or response type."""

    code = "unauthorized_client"


class UnsupportedGrantTypeError(OAuthError):
    """No feature offers this grant type."""

    code = "unsupported_grant_type"


class UnsupportedResponseTypeError(OAuthError):
    """No feature offers this response type."""

    code = "unsupported_response_type"


class UnsupportedTokenTypeError(OAuthError):
    """This kind of token cannot be revoked here (RFC 7009 section 2.2.1)."""

    code = "unsupported_token_type"


class InvalidScopeError(OAuthError):
    """The scope is unknown, malformed, or more than may be granted."""

    code = "invalid_scope"


class InvalidTargetError(OAuthError):
    """The resource is missing, unknown, malformed or unacceptable (RFC 8707 section 2)."""

    code = "invalid_target"


class AccessDeniedError(OAuthError):
    """The resource owner or the server said no."""

    code = "access_denied"


class LoginRequiredError(OAuthError):
    """A silent request found no usable session (OpenID Connect Core section 3.1.2.6)."""

    code = "login_required"


class ConsentRequiredError(OAuthError):
    """A silent request would have needed a decision of the user."""

    code = "consent_required"


class InteractionRequiredError(OAuthError):
    """A silent request would have needed some other interaction."""

    code = "interaction_required"


class ServerError(OAuthError):
    """Stands in for HTTP 500."""

    code = "server_error"
    status = 500


class TemporarilyUnavailableError(OAuthError):
    """Stands in for HTTP 503."""

    code = "temporarily_unavailable"
    status = 503
