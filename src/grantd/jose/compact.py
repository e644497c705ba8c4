"""Signing: the compact serialization of RFC 7515 section 7.1 with everything constant prepared."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from grantd.jose.encoding import b64u_encode
from grantd.jose.keys import Signer

_encode = msgspec.json.Encoder().encode
_NO_MEMBERS: Mapping[str, object] = MappingProxyType({})


class CompactSigner:
    """Signs claims of one kind of token with one key.

    Args:
        signer: the key, local or remote.
        typ: the ``typ`` of every token (RFC 8725 section 3.11), for example ``at+jwt``.
        header: further members of the protected header.

    Raises:
        ValueError: when ``typ`` is empty or ``header`` repeats ``typ``, ``alg`` or ``kid``.
    """

    __slots__ = ("_prefix", "_sign", "alg", "kid", "typ")

    def __init__(self, signer: Signer, *, typ: str, header: Mapping[str, object] = _NO_MEMBERS) -> None:
        if not typ or not header.keys().isdisjoint({"typ", "alg", "kid"}):
            raise ValueError("typ is not empty, and the further members leave out typ, alg and kid")
        self.typ = typ
        self.alg = signer.alg
        self.kid = signer.kid
        self._sign = signer.sign
        self._prefix = b64u_encode(_encode({"typ": typ, "alg": signer.alg, "kid": signer.kid, **header})) + b"."

    def sign(self, claims: bytes | Mapping[str, object]) -> str:
        """Return the signed token.

        Args:
            claims: the claims, or their JSON text encoded already.
        """
        payload = claims if isinstance(claims, bytes) else _encode(claims)
        signing_input = self._prefix + b64u_encode(payload)
        return (signing_input + b"." + b64u_encode(self._sign(signing_input))).decode("ascii")
