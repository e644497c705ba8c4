"""Resource-server library: accept access tokens of a trusted issuer, and answer those who bring none."""

from grantd.resource.asgi import ProtectedResource
from grantd.resource.challenge import bearer_challenge, bearer_token
from grantd.resource.errors import InsufficientScopeError, InvalidTokenError, NoTokenError
from grantd.resource.keys import IssuerKeys, KeySource, KeysUnavailableError, StaticKeys
from grantd.resource.verifier import AccessToken, AccessTokenVerifier

__all__ = [
    "AccessToken",
    "AccessTokenVerifier",
    "InsufficientScopeError",
    "InvalidTokenError",
    "IssuerKeys",
    "KeySource",
    "KeysUnavailableError",
    "NoTokenError",
    "ProtectedResource",
    "StaticKeys",
    "bearer_challenge",
    "bearer_token",
]
