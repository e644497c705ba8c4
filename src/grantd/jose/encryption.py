"""JWE for nested tokens, sign then encrypt (RFC 7516, RFC 7519 section 11.2): made here, read by the receiver.

RFC 9701 introspection answers need it, and few deployments do, so the library behind it is loaded at first use.
"""

from collections.abc import Mapping

from grantd.jose.errors import EncryptionError, KeyFormatError
from grantd.jose.jwk import is_secret, public_key_from_jwk
from grantd.jose.keys import key_set_members

ENCRYPTION_ALGORITHMS: Mapping[str, str] = {"RSA-OAEP-256": "RSA", "ECDH-ES": "EC", "ECDH-ES+A256KW": "EC"}
"""Accepted ``alg`` and the ``kty`` it needs (``OKP`` with X25519 serves wherever ``EC`` does)."""
CONTENT_ENCRYPTIONS = frozenset({"A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"})
_CURVES = frozenset({"P-256", "P-384", "P-521", "X25519"})


def _fits(jwk: Mapping[str, object], alg: str) -> bool:
    kty = jwk.get("kty")
    if ENCRYPTION_ALGORITHMS[alg] == "RSA":
        right_kind = kty == "RSA"
    else:
        right_kind = kty in {"EC", "OKP"} and jwk.get("crv") in _CURVES
    return right_kind and jwk.get("use", "enc") == "enc" and jwk.get("alg", alg) == alg


def choose_encryption_key(jwks: bytes | Mapping[str, object], alg: str) -> Mapping[str, object]:
    """Return the first key of a public set that is fit for ``alg``, those marked ``use=enc`` first.

    Raises:
        EncryptionError: when ``alg`` is not supported or no key fits.
        KeyFormatError: when the set is malformed.
    """
    if alg not in ENCRYPTION_ALGORITHMS:
        raise EncryptionError(f"the encryption algorithm {alg} is not supported")
    fitting = [jwk for jwk in key_set_members(jwks) if _fits(jwk, alg)]
    if not fitting:
        raise EncryptionError(f"the key set has no key for {alg}")
    return next((jwk for jwk in fitting if jwk.get("use") == "enc"), fitting[0])


def encrypt(payload: str | bytes, jwk: Mapping[str, object], *, alg: str, enc: str, cty: str = "JWT") -> str:
    """Encrypt a signed token to its receiver.

    Args:
        payload: the token, signed already.
        jwk: the receiver's public key.
        alg: ``RSA-OAEP-256``, ``ECDH-ES`` or ``ECDH-ES+A256KW``.
        enc: ``A128CBC-HS256``, ``A256CBC-HS512``, ``A128GCM`` or ``A256GCM``.
        cty: content type; ``JWT`` marks the nested token.

    Returns:
        The compact JWE.

    Raises:
        EncryptionError: when key, ``alg`` and ``enc`` do not go together.
    """
    if alg not in ENCRYPTION_ALGORITHMS or enc not in CONTENT_ENCRYPTIONS:
        raise EncryptionError(f"the encryption {alg} with {enc} is not supported")
    if is_secret(jwk):
        raise EncryptionError("the receiver's JWK holds a private or symmetric key")
    if not _fits(jwk, alg):
        raise EncryptionError(f"the receiver's JWK is not for {alg}")
    from joserfc import jwe  # noqa: PLC0415 - loaded at first use, see above
    from joserfc.errors import JoseError as LibraryError  # noqa: PLC0415 - as above
    from joserfc.jwk import import_key  # noqa: PLC0415 - as above

    header: dict[str, object] = {"alg": alg, "enc": enc, "cty": cty}
    kid = jwk.get("kid")
    if isinstance(kid, str) and kid:
        header["kid"] = kid
    try:
        if jwk.get("kty") == "RSA":
            # Refuses small and oversized keys.
            public_key_from_jwk(jwk)
        key = import_key({name: str(jwk[name]) for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk})
        return jwe.encrypt_compact(header, payload, key, algorithms=[alg, enc])
    except (LibraryError, KeyFormatError, ValueError, TypeError, KeyError) as error:
        raise EncryptionError(f"the receiver's JWK cannot be used: {type(error).__name__}") from None
