"""The errors that a protected resource answers (OAuth 2.1 section 5.3.2); ``invalid_request`` stands in the core."""

from grantd.core.errors import OAuthError


class InvalidTokenError(OAuthError):
    """The access token is expired, revoked, malformed, meant for somebody else, or otherwise invalid."""

    code = "invalid_token"
    status = 401


class NoTokenError(OAuthError):
    """The request carries no access token at all: the challenge names no error (OAuth 2.1 section 5.3.2)."""

    code = ""
    status = 401


class InsufficientScopeError(OAuthError):
    """The access token allows less than the request needs.

    Args:
        required: all scopes that the request needs, for the challenge.
    """

    code = "insufficient_scope"
    status = 403

    def __init__(self, required: tuple[str, ...]) -> None:
        super().__init__("ask for an access token with the scopes that this request needs")
        self.required = required
