"""Sealing claims into an opaque string and opening it again."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from grantd.server.keys.sealing import UnsealError
from grantd.server.pipeline.access_tokens import reference_of
from grantd.server.pipeline.model import Issuance, TokenReference

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

PREFIX = "gat_"
"""Lets people and secret scanners see what the string is."""

LONGEST = 16_384


def _context(issuer: "Issuer") -> str:
    return f"access-token:{issuer.identifier}"


def build_opaque_format(issuer: "Issuer") -> Callable[[Issuance, dict[str, Any]], str]:
    """Return the encoder of opaque access tokens."""
    context = _context(issuer)

    def encode(_issuance: Issuance, claims: dict[str, Any]) -> str:
        sealed = issuer.sealer.seal(context, msgspec.json.encode(claims))
        return PREFIX + urlsafe_b64encode(sealed).rstrip(b"=").decode()

    return encode


def build_recogniser(issuer: "Issuer") -> Callable[[str], Awaitable[TokenReference | None]]:
    """Return the recogniser of opaque access tokens."""
    context = _context(issuer)

    async def recognise(token: str) -> TokenReference | None:
        if not token.startswith(PREFIX) or len(token) > LONGEST or not token.isascii():
            return None
        try:
            claims = msgspec.json.decode(issuer.sealer.open(context, urlsafe_b64decode(token[len(PREFIX) :] + "==")))
        except (Base64Error, ValueError, UnsealError):
            return None
        return await reference_of(issuer, claims)

    return recognise
