"""The forms of what we hand out: authorization codes and refresh tokens. Pure; they know no store."""

import hashlib
import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error

from msgspec import Struct

_GRANT_ID_CHARACTERS = 22
_SECRET_CHARACTERS = 43
_FAMILY_BYTES = 16
_COUNTER_BYTES = 4
_MAC_BYTES = 24
_BODY_BYTES = _FAMILY_BYTES + _COUNTER_BYTES
REFRESH_TOKEN_CHARACTERS = 59
"""Length of every refresh token: 44 bytes as base64url without padding."""


def new_code(grant_id: str) -> tuple[str, bytes]:
    """Return an authorization code for a grant and its hash.

    The code names the grant and carries 256 random bits (OAuth 2.1 section 7.7 asks for 160).
    """
    code = grant_id + urlsafe_b64encode(os.urandom(32))[:_SECRET_CHARACTERS].decode()
    return code, hashlib.sha256(code.encode()).digest()


def read_code(code: str) -> tuple[str, bytes] | None:
    """Return the grant's identifier and the hash of a code; ``None`` for strings that cannot be one."""
    if len(code) != _GRANT_ID_CHARACTERS + _SECRET_CHARACTERS or not code.isascii():
        return None
    return code[:_GRANT_ID_CHARACTERS], hashlib.sha256(code.encode()).digest()


class RefreshTokenName(Struct, frozen=True):
    """What an authentic refresh token says: its family and its place in it."""

    family_id: str
    counter: int


class RefreshTokenFormat:
    """Writes and reads refresh tokens: family and counter under a MAC.

    The successor of a token is computed, not stored, so that the overlap can repeat it without keeping it.

    Args:
        key: 32 bytes, derived per issuer.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def write(self, family_id: str, counter: int) -> str:
        """Return the token of ``family_id`` (22 characters of base64url) at ``counter``."""
        return self._seal(urlsafe_b64decode(family_id + "==") + counter.to_bytes(_COUNTER_BYTES, "big"))

    def read(self, token: str) -> RefreshTokenName | None:
        """Return what an authentic token names; ``None`` for anything that we did not write."""
        if len(token) != REFRESH_TOKEN_CHARACTERS or not token.isascii():
            return None
        try:
            body = urlsafe_b64decode(token + "=")[:_BODY_BYTES]
        except (Base64Error, ValueError):
            return None
        # The whole text is compared, so that no second spelling of the same bytes passes.
        if len(body) != _BODY_BYTES or not hmac.compare_digest(self._seal(body), token):
            return None
        family_id = urlsafe_b64encode(body[:_FAMILY_BYTES]).rstrip(b"=").decode()
        return RefreshTokenName(family_id, int.from_bytes(body[_FAMILY_BYTES:], "big"))

    def _seal(self, body: bytes) -> str:
        mac = hmac.digest(self._key, body, "sha256")[:_MAC_BYTES]
        return urlsafe_b64encode(body + mac).rstrip(b"=").decode()
