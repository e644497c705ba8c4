"""Key objects: one that signs, one that verifies, and a set of those that verify."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from grantd.jose import jwk as jwk_format
from grantd.jose.algorithms import (
    GENERATION,
    PrivateKey,
    PublicKey,
    Sign,
    Verify,
    algorithms_for,
    check_private_key,
    check_public_key,
    signer_for,
    verifier_for,
)
from grantd.jose.encoding import strict_object
from grantd.jose.errors import ForbiddenKeyError, KeyFormatError

MAX_KEY_SET_BYTES = 65_536
MAX_KEYS = 100
_MAX_KID = 512


class Signer(Protocol):
    """What can sign: a local key, a hardware module, a key service."""

    @property
    def alg(self) -> str:
        """The signature algorithm of RFC 7518."""
        ...

    @property
    def kid(self) -> str:
        """The key's identifier in the key set."""
        ...

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature of ``data`` in its JWS encoding."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SigningKey:
    """A private key in memory, bound to one algorithm.

    Args:
        kid: identifier in the key set.
        alg: ``ES256``, ``EdDSA``, ``RS256`` or ``PS256``.
        private_key: the key object.

    Raises:
        KeyFormatError: when the key does not fit the algorithm or is too weak.
    """

    kid: str
    alg: str
    private_key: PrivateKey = field(repr=False)
    public_jwk: Mapping[str, str] = field(init=False)
    """``kty``, ``use``, ``alg``, ``kid`` and the public parameters."""
    _sign: Sign = field(init=False, repr=False)

    def __post_init__(self) -> None:
        key = check_private_key(self.private_key)
        members = {"use": "sig", "alg": self.alg, "kid": self.kid, **jwk_format.public_jwk(key.public_key())}
        object.__setattr__(self, "_sign", signer_for(self.alg, key))
        object.__setattr__(self, "public_jwk", MappingProxyType(members))

    @classmethod
    def generate(cls, alg: str, *, kid: str | None = None, rsa_bits: int = 2048) -> Self:
        """Make a new key; for RSA this takes tenths of a second.

        Args:
            alg: the algorithm.
            kid: identifier; the first 22 characters (132 bits) of the thumbprint when ``None``.
            rsa_bits: size of an RSA modulus, 2048 or more.
        """
        if alg not in GENERATION:
            raise KeyFormatError(f"no keys are made for the algorithm {alg}")
        private_key = GENERATION[alg].make(rsa_bits)
        return cls(kid=kid or jwk_format.thumbprint(private_key.public_key())[:22], alg=alg, private_key=private_key)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object], *, kid: str | None = None, alg: str | None = None) -> Self:
        """Read a private JWK; ``kid`` and ``alg`` win over its members, and default to thumbprint and usual algorithm.

        Raises:
            KeyFormatError: when it is malformed, inconsistent, too weak, or of another kind.
        """
        private_key = jwk_format.private_key_from_jwk(jwk)
        public_key = private_key.public_key()
        alg = alg or _optional_text(jwk, "alg") or algorithms_for(public_key)[0]
        kid = kid or _optional_text(jwk, "kid") or jwk_format.thumbprint(public_key)[:22]
        return cls(kid=kid, alg=alg, private_key=private_key)

    @classmethod
    def from_der(cls, der: bytes, *, kid: str, alg: str, unsafe_skip_rsa_key_validation: bool = False) -> Self:
        """Read an unencrypted PKCS#8 key.

        Args:
            der: what :meth:`to_der` gave.
            kid: identifier in the key set.
            alg: the algorithm.
            unsafe_skip_rsa_key_validation: only for keys that we sealed ourselves; the check takes 30 to 220 ms.

        Raises:
            KeyFormatError: when it is malformed or does not fit ``alg``.
        """
        try:
            key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=unsafe_skip_rsa_key_validation)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise KeyFormatError("not an unencrypted PKCS#8 private key") from None
        return cls(kid=kid, alg=alg, private_key=check_private_key(key))

    def to_der(self) -> bytes:
        """Return the private key as unencrypted PKCS#8; the result is a secret to be sealed."""
        return self.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def to_private_jwk(self) -> dict[str, str]:
        """Return the private key as JWK; the result is a secret."""
        return {"use": "sig", "alg": self.alg, "kid": self.kid, **jwk_format.private_jwk(self.private_key)}

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature of ``data`` in its JWS encoding."""
        return self._sign(data)

    def verification_key(self) -> "VerificationKey":
        """Return the public half, for this algorithm only."""
        return VerificationKey(kid=self.kid, public_key=self.private_key.public_key(), algorithms=(self.alg,))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VerificationKey:
    """A public key with the algorithms that it may be used with.

    Args:
        kid: identifier within its set; empty when it has none.
        public_key: the key object.
        algorithms: one when the JWK named it (RFC 7517 section 4.4), otherwise all that fit the key.
    """

    kid: str
    public_key: PublicKey
    algorithms: tuple[str, ...]
    _verify: dict[str, Verify] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        key = check_public_key(self.public_key)
        object.__setattr__(self, "_verify", {alg: verifier_for(alg, key) for alg in self.algorithms})

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> Self:
        """Read a public JWK that may verify signatures.

        Raises:
            ForbiddenKeyError: when it holds a private or symmetric key.
            KeyFormatError: when it is malformed, too weak, for another use, or of another kind.
        """
        key = jwk_format.public_key_from_jwk(jwk)
        # RFC 7517 sections 4.2 and 4.3: a key for encryption does not verify.
        if jwk.get("use", "sig") != "sig":
            raise KeyFormatError("the JWK is not for signatures")
        operations = jwk.get("key_ops", ["verify"])
        if not isinstance(operations, list) or "verify" not in operations:
            raise KeyFormatError("the JWK's key_ops do not hold verify")
        alg = _optional_text(jwk, "alg")
        if alg and alg not in algorithms_for(key):
            raise KeyFormatError("the JWK's alg does not fit the key or is not supported")
        algorithms = (alg,) if alg else algorithms_for(key)
        return cls(kid=_optional_text(jwk, "kid"), public_key=key, algorithms=algorithms)

    @property
    def thumbprint(self) -> str:
        """SHA-256 thumbprint of RFC 7638, base64url."""
        return jwk_format.thumbprint(self.public_key)

    def to_jwk(self) -> dict[str, str]:
        """Return the public JWK: ``kty``, ``use``, ``alg`` and ``kid`` where known, and the public parameters."""
        members = {"use": "sig"}
        if len(self.algorithms) == 1:
            members["alg"] = self.algorithms[0]
        if self.kid:
            members["kid"] = self.kid
        return members | jwk_format.public_jwk(self.public_key)

    def verify(self, alg: str, signature: bytes, data: bytes) -> bool:
        """Whether ``signature`` is this key's over ``data``; ``False`` for an algorithm that is not the key's."""
        verify = self._verify.get(alg)
        return verify is not None and verify(signature, data)


def _optional_text(jwk: Mapping[str, object], name: str) -> str:
    value = jwk.get(name, "")
    if not isinstance(value, str) or len(value) > _MAX_KID:
        raise KeyFormatError(f"the JWK member {name} is text of at most {_MAX_KID} characters")
    return value


class KeySet:
    """The public keys of one party, immutable.

    Args:
        keys: in the order of the document.
    """

    __slots__ = ("_by_kid", "keys")

    def __init__(self, keys: Iterable[VerificationKey]) -> None:
        self.keys = tuple(keys)
        self._by_kid: dict[str, list[VerificationKey]] = {}
        for key in self.keys:
            self._by_kid.setdefault(key.kid, []).append(key)

    @classmethod
    def from_jwks(cls, document: bytes | Mapping[str, object], *, strict: bool = False) -> Self:
        """Read a public JWK set (RFC 7517 section 5).

        Args:
            document: the JSON text, or the object decoded.
            strict: refuse the set when a key cannot be used, as when a client registers it. Otherwise such keys are
                left out, as RFC 7517 section 5 asks of those who meet a set on the way.

        Raises:
            ForbiddenKeyError: when any key is private or symmetric: the whole set is not to be trusted.
            KeyFormatError: when it is no JWK set or over a limit, or for ``strict``.
        """
        keys: list[VerificationKey] = []
        for jwk in key_set_members(document):
            try:
                keys.append(VerificationKey.from_jwk(jwk))
            except ForbiddenKeyError:
                raise
            except KeyFormatError:
                if strict and jwk.get("use") != "enc":
                    raise
        return cls(keys)

    def find(self, kid: str | None, alg: str) -> VerificationKey | None:
        """Return the key called ``kid`` that fits ``alg``; without ``kid`` the only key that fits, if it is one."""
        candidates = self.keys if kid is None else self._by_kid.get(kid, ())
        fitting = [key for key in candidates if alg in key.algorithms]
        # Trying several keys would multiply the work that a stranger's token causes.
        return fitting[0] if len(fitting) == 1 else None


def key_set_members(document: bytes | Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the JWKs of a set, unread.

    Raises:
        KeyFormatError: when it is no JWK set, or has more than 65536 bytes or 100 keys.
    """
    if isinstance(document, bytes):
        if len(document) > MAX_KEY_SET_BYTES:
            raise KeyFormatError(f"the JWK set has more than {MAX_KEY_SET_BYTES} bytes")
        try:
            document = strict_object(document)
        except ValueError as error:
            raise KeyFormatError(f"the JWK set is no JSON object: {type(error).__name__}") from None
    members = document.get("keys")
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise KeyFormatError("a JWK set has the member keys, an array of objects")
    if len(members) > MAX_KEYS:
        raise KeyFormatError(f"the JWK set has more than {MAX_KEYS} keys")
    return members
