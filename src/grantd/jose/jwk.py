"""JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037 section 2) to key objects and back."""

import hashlib
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from grantd.jose.algorithms import MAX_RSA_BITS, PrivateKey, PublicKey, check_private_key, check_public_key
from grantd.jose.encoding import b64u_decode, b64u_encode
from grantd.jose.errors import ForbiddenKeyError, KeyFormatError

_PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
_COORDINATE = 32
_MAX_RSA_EXPONENT = 2**32


def _octets(jwk: Mapping[str, object], name: str, length: int | None = None) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str) or not text or len(text) > MAX_RSA_BITS:
        raise KeyFormatError(f"the JWK needs the member {name} as base64url text")
    try:
        value = b64u_decode(text.encode("ascii"))
    except ValueError:
        raise KeyFormatError(f"the JWK member {name} is no base64url text without padding") from None
    if length is not None and len(value) != length:
        raise KeyFormatError(f"the JWK member {name} holds {length} octets")
    return value


def _number(jwk: Mapping[str, object], name: str, length: int | None = None) -> int:
    return int.from_bytes(_octets(jwk, name, length), "big")


def _text(value: int, length: int | None = None) -> str:
    return b64u_encode(value.to_bytes(length or (value.bit_length() + 7) // 8, "big")).decode("ascii")


def _rsa_numbers(jwk: Mapping[str, object]) -> rsa.RSAPublicNumbers:
    exponent = _number(jwk, "e")
    if exponent >= _MAX_RSA_EXPONENT:
        raise KeyFormatError("the RSA exponent is larger than 32 bits")
    return rsa.RSAPublicNumbers(exponent, _number(jwk, "n"))


def _ec_numbers(jwk: Mapping[str, object]) -> ec.EllipticCurvePublicNumbers:
    if jwk.get("crv") != "P-256":
        raise KeyFormatError("the supported EC curve is P-256")
    # RFC 7518 section 6.2.1.2: coordinates have the full size of the curve's field.
    return ec.EllipticCurvePublicNumbers(_number(jwk, "x", _COORDINATE), _number(jwk, "y", _COORDINATE), ec.SECP256R1())


def _require_ed25519(jwk: Mapping[str, object]) -> None:
    if jwk.get("crv") != "Ed25519":
        raise KeyFormatError("the supported OKP curve is Ed25519")


def is_secret(jwk: Mapping[str, object]) -> bool:
    """Whether a JWK holds a symmetric key or a private part."""
    return jwk.get("kty") == "oct" or any(name in jwk for name in _PRIVATE_MEMBERS)


def public_key_from_jwk(jwk: Mapping[str, object]) -> PublicKey:
    """Read a public JWK; only the key itself, not ``use``, ``alg`` or ``kid``.

    Raises:
        ForbiddenKeyError: when it holds a symmetric key or any private part.
        KeyFormatError: when it is malformed, not on the curve, too weak, or of another kind.
    """
    if is_secret(jwk):
        raise ForbiddenKeyError("the JWK holds a private or symmetric key; give the public key only")
    kty = jwk.get("kty")
    try:
        if kty == "EC":
            return check_public_key(_ec_numbers(jwk).public_key())
        if kty == "OKP":
            _require_ed25519(jwk)
            return ed25519.Ed25519PublicKey.from_public_bytes(_octets(jwk, "x", _COORDINATE))
        if kty == "RSA":
            return check_public_key(_rsa_numbers(jwk).public_key())
    except ValueError:
        raise KeyFormatError("the JWK's numbers are no valid public key") from None
    raise KeyFormatError("the JWK member kty is EC, OKP or RSA")


def private_key_from_jwk(jwk: Mapping[str, object]) -> PrivateKey:
    """Read a private JWK and check that its parts belong together.

    Raises:
        KeyFormatError: when it is malformed, inconsistent, too weak, or of another kind.
    """
    kty = jwk.get("kty")
    try:
        if kty == "EC":
            numbers = ec.EllipticCurvePrivateNumbers(_number(jwk, "d", _COORDINATE), _ec_numbers(jwk))
            return check_private_key(numbers.private_key())
        if kty == "OKP":
            _require_ed25519(jwk)
            key = ed25519.Ed25519PrivateKey.from_private_bytes(_octets(jwk, "d", _COORDINATE))
            if public_jwk(key.public_key())["x"] != jwk.get("x"):
                raise KeyFormatError("the JWK members x and d are of different keys")
            return key
        if kty == "RSA":
            p, q, d, dp, dq, qi = (_number(jwk, name) for name in ("p", "q", "d", "dp", "dq", "qi"))
            numbers_rsa = rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, _rsa_numbers(jwk))
            return check_private_key(numbers_rsa.private_key())
    except ValueError:
        raise KeyFormatError("the JWK's numbers are no valid private key") from None
    raise KeyFormatError("the JWK member kty is EC, OKP or RSA")


def public_jwk(key: PublicKey) -> dict[str, str]:
    """Return the members that make up the public key, and nothing else."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": _text(point.x, _COORDINATE), "y": _text(point.y, _COORDINATE)}
    if isinstance(key, ed25519.Ed25519PublicKey):
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": b64u_encode(raw).decode("ascii")}
    numbers = key.public_numbers()
    return {"kty": "RSA", "n": _text(numbers.n), "e": _text(numbers.e)}


def private_jwk(key: PrivateKey) -> dict[str, str]:
    """Return a private key as JWK; the result is a secret."""
    members = public_jwk(key.public_key())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        members["d"] = _text(key.private_numbers().private_value, _COORDINATE)
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        members["d"] = b64u_encode(raw).decode("ascii")
    else:
        numbers = key.private_numbers()
        members |= {"d": _text(numbers.d), "p": _text(numbers.p), "q": _text(numbers.q)}
        members |= {"dp": _text(numbers.dmp1), "dq": _text(numbers.dmq1), "qi": _text(numbers.iqmp)}
    return members


def thumbprint(key: PublicKey) -> str:
    """Return the SHA-256 JWK thumbprint as base64url (RFC 7638 section 3)."""
    # RFC 7638 section 3.3: required members only, ordered by name, no white space.
    canonical = json.dumps(public_jwk(key), sort_keys=True, separators=(",", ":"))
    return b64u_encode(hashlib.sha256(canonical.encode("ascii")).digest()).decode("ascii")
