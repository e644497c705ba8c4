"""Proof Key for Code Exchange (OAuth 2.1 sections 4.1.1 and 4.1.3): the registry of challenge methods.

There is no ``plain``: a method that shows the verifier to whoever sees the request protects nothing.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from types import MappingProxyType

_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]{43,128}\Z")
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}\Z")


def s256(verifier: str) -> str:
    """Return BASE64URL(SHA256(ASCII(verifier))) (OAuth 2.1 section 4.1.1)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode()


class ChallengeMethod:
    """A code challenge method.

    Args:
        name: value of ``code_challenge_method``.
        transform: computes the challenge of a verifier.
        syntax: what every challenge of the method matches.
    """

    __slots__ = ("name", "syntax", "transform")

    def __init__(self, name: str, transform: Callable[[str], str], syntax: re.Pattern[str]) -> None:
        self.name = name
        self.transform = transform
        self.syntax = syntax

    def verify(self, verifier: str, challenge: str) -> bool:
        """Return, in constant time, whether ``verifier`` belongs to ``challenge``."""
        if not is_verifier(verifier):
            return False
        return hmac.compare_digest(self.transform(verifier).encode(), challenge.encode())


def is_verifier(text: str) -> bool:
    """Return whether ``text`` has the syntax of a verifier: 43 to 128 unreserved characters."""
    return _UNRESERVED.match(text) is not None


METHODS: Mapping[str, ChallengeMethod] = MappingProxyType({"S256": ChallengeMethod("S256", s256, _S256_CHALLENGE)})
"""Every method that this release knows, by its registered name."""
