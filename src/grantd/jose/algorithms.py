"""Signature algorithms with the encodings of RFC 7518 section 3 and RFC 8037 section 3.1."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from grantd.jose.errors import KeyFormatError

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes], bool]
"""Takes signature and data; says whether the signature verifies."""

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
_COORDINATE = 32
_SHA256 = hashes.SHA256()
_ECDSA = ec.ECDSA(_SHA256)
_PKCS1 = padding.PKCS1v15()
# RFC 7518 section 3.5: the salt is as long as the hash, MGF1 uses the same hash.
_PSS = padding.PSS(mgf=padding.MGF1(_SHA256), salt_length=32)


def der_to_raw(der: bytes) -> bytes:
    """Turn a DER ECDSA signature over P-256 into ``r || s`` of 64 octets (RFC 7518 section 3.4).

    All lengths of such a signature fit one octet, so the numbers are cut out without a parser; ``der`` comes from our
    own signer, never from outside.
    """
    end = 4 + der[3]
    return der[4:end][-_COORDINATE:].rjust(_COORDINATE, b"\0") + der[end + 2 :][-_COORDINATE:].rjust(_COORDINATE, b"\0")


def raw_to_der(raw: bytes) -> bytes:
    """Turn ``r || s`` of 64 octets into DER.

    Raises:
        ValueError: when the length is another.
    """
    if len(raw) != 2 * _COORDINATE:
        raise ValueError("an ES256 signature has 64 octets")
    return encode_dss_signature(int.from_bytes(raw[:_COORDINATE], "big"), int.from_bytes(raw[_COORDINATE:], "big"))


def check_public_key(key: object) -> PublicKey:
    """Return ``key`` when it is of a supported kind and strong enough.

    Raises:
        KeyFormatError: for other kinds and curves, and for RSA keys under 2048 or over 8192 bits.
    """
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, rsa.RSAPublicKey):
        # RFC 7518 section 3.3: 2048 bits or more. The upper bound keeps a stranger's key from eating CPU time.
        if MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            return key
        raise KeyFormatError(f"RSA keys have {MIN_RSA_BITS} to {MAX_RSA_BITS} bits")
    raise KeyFormatError("supported keys are EC P-256, Ed25519 and RSA")


def check_private_key(key: object) -> PrivateKey:
    """Return ``key`` when it is of a supported kind and strong enough.

    Raises:
        KeyFormatError: as :func:`check_public_key`.
    """
    if isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey):
        check_public_key(key.public_key())
        return key
    raise KeyFormatError("supported keys are EC P-256, Ed25519 and RSA")


def algorithms_for(key: PublicKey) -> tuple[str, ...]:
    """Return the algorithms that a key may be used with, the usual one first."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return ("ES256",)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return ("EdDSA",)
    return ("RS256", "PS256")


def signer_for(alg: str, key: PrivateKey) -> Sign:
    """Return a function that signs with ``key``.

    Raises:
        KeyFormatError: when the key does not fit the algorithm.
    """
    if alg == "ES256" and isinstance(key, ec.EllipticCurvePrivateKey):
        ec_sign = key.sign
        return lambda data: der_to_raw(ec_sign(data, _ECDSA))
    if alg == "EdDSA" and isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign
    if alg == "RS256" and isinstance(key, rsa.RSAPrivateKey):
        rs_sign = key.sign
        return lambda data: rs_sign(data, _PKCS1, _SHA256)
    if alg == "PS256" and isinstance(key, rsa.RSAPrivateKey):
        ps_sign = key.sign
        return lambda data: ps_sign(data, _PSS, _SHA256)
    raise KeyFormatError(f"the key does not fit the algorithm {alg}")


def verifier_for(alg: str, key: PublicKey) -> Verify:
    """Return a function that takes signature and data and says whether they fit ``key``.

    Raises:
        KeyFormatError: when the key does not fit the algorithm.
    """
    check: Callable[[bytes, bytes], None]
    if alg == "ES256" and isinstance(key, ec.EllipticCurvePublicKey):
        ec_verify = key.verify

        def check(signature: bytes, data: bytes) -> None:
            ec_verify(raw_to_der(signature), data, _ECDSA)

    elif alg == "EdDSA" and isinstance(key, ed25519.Ed25519PublicKey):
        check = key.verify
    elif alg == "RS256" and isinstance(key, rsa.RSAPublicKey):
        rs_verify = key.verify

        def check(signature: bytes, data: bytes) -> None:
            rs_verify(signature, data, _PKCS1, _SHA256)

    elif alg == "PS256" and isinstance(key, rsa.RSAPublicKey):
        ps_verify = key.verify

        def check(signature: bytes, data: bytes) -> None:
            ps_verify(signature, data, _PSS, _SHA256)

    else:
        raise KeyFormatError(f"the key does not fit the algorithm {alg}")

    def verify(signature: bytes, data: bytes) -> bool:
        try:
            check(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True

    return verify


@dataclass(frozen=True, slots=True)
class Generation:
    """How to make a key of an algorithm, and whether that is slow enough for a thread of its own."""

    make: Callable[[int], PrivateKey]
    slow: bool


_EC = Generation(lambda _: ec.generate_private_key(ec.SECP256R1()), slow=False)
_ED = Generation(lambda _: ed25519.Ed25519PrivateKey.generate(), slow=False)
_RSA = Generation(lambda bits: rsa.generate_private_key(65537, bits), slow=True)
GENERATION = {"ES256": _EC, "EdDSA": _ED, "RS256": _RSA, "PS256": _RSA}
SIGNATURE_ALGORITHMS = frozenset(GENERATION)
