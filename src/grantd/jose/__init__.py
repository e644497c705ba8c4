"""Keys, signing and typed verification of compact JWS and JWT (RFC 7515, 7517, 7518, 7519, 7638, 8037).

Most callers need three names: :class:`CompactSigner` to sign claims, :func:`verify` with an :class:`Expectation` to
accept a token, :class:`KeySet` to hold somebody's public keys. Symmetric signatures and ``none`` do not exist here.
"""

from grantd.jose.compact import CompactSigner
from grantd.jose.errors import JoseError, TokenError
from grantd.jose.keys import KeySet, Signer, SigningKey, VerificationKey
from grantd.jose.verify import DecodedToken, Expectation, VerifiedToken, decode, verify

__all__ = [
    "CompactSigner",
    "DecodedToken",
    "Expectation",
    "JoseError",
    "KeySet",
    "Signer",
    "SigningKey",
    "TokenError",
    "VerificationKey",
    "VerifiedToken",
    "decode",
    "verify",
]
