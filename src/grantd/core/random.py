"""Identifiers and tokens, from the operating system's generator."""

from base64 import urlsafe_b64encode
from os import urandom
from time import time_ns


def random_id() -> str:
    """Return a new identifier: 22 characters of base64url, 128 random bits."""
    return urlsafe_b64encode(urandom(16))[:22].decode("ascii")


def random_token(size: int = 32) -> str:
    """Return a new token in base64url without padding.

    Args:
        size: random bytes in it; 16 (128 bits) at least.

    Raises:
        ValueError: ``size`` is below 16.
    """
    if size < 16:  # noqa: PLR2004 - 128 bits (OAuth 2.1 section 7.7)
        raise ValueError("a token needs 16 random bytes at least")
    return urlsafe_b64encode(urandom(size)).rstrip(b"=").decode("ascii")


def ordered_id() -> str:
    """Return an identifier of 22 characters that begins with the time: 48 bits of milliseconds, 80 random bits.

    For records that are written often and are no secrets: neighbours in time are neighbours in an index, so that a
    group of new rows touches few pages. What has to be unguessable uses ``random_token``.
    """
    milliseconds = time_ns() // 1_000_000
    return urlsafe_b64encode(milliseconds.to_bytes(6, "big") + urandom(10))[:22].decode("ascii")
