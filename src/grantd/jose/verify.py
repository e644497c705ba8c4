"""The one verifier of compact JWTs (RFC 7519 section 7.2, RFC 8725).

Three steps that can be taken apart, so that callers may cache between them: :func:`decode` is pure syntax,
:func:`check_signature` needs a key, :func:`check_claims` needs the time. :func:`verify` takes them in order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from grantd.jose.encoding import DEFAULT_JSON_DEPTH, b64u_decode, strict_object
from grantd.jose.errors import (
    AlgorithmNotAllowedError,
    BadSignatureError,
    CriticalHeaderError,
    InvalidClaimError,
    LifetimeTooLongError,
    MalformedTokenError,
    MissingClaimError,
    TokenExpiredError,
    TokenNotYetValidError,
    UnknownKeyError,
    WrongAudienceError,
    WrongIssuerError,
    WrongTypeError,
)
from grantd.jose.keys import VerificationKey

DEFAULT_MAX_BYTES = 16_384
_MAX_CACHED_HEADER = 1_024
_TEXT_HEADERS = ("typ", "cty", "kid")
_TEXT_CLAIMS = ("iss", "sub", "jti")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a token of one purpose must look like.

    Args:
        typ: accepted ``typ`` values in lower case and without ``application/``; an empty string in it also accepts a
            token without ``typ``. An empty set accepts nothing.
        algorithms: accepted ``alg`` values; an empty set accepts nothing.
        issuer: the only accepted ``iss``, compared octet by octet; ``None`` leaves it to the caller.
        audience: identifiers of which ``aud`` must hold at least one; ``None`` leaves it to the caller.
        sole_audience: whether ``aud`` may hold nothing else.
        leeway: seconds by which clocks may differ.
        max_lifetime: seconds that a token may live from ``iat`` (or from now, without one) to ``exp``.
        required: claims that must be there; ``exp`` always is.
        max_bytes: longest token.
        max_depth: how deep its JSON may be nested.
    """

    typ: frozenset[str]
    algorithms: frozenset[str]
    issuer: str | None
    audience: frozenset[str] | None
    sole_audience: bool = False
    leeway: int = 0
    max_lifetime: int | None = None
    required: frozenset[str] = field(default_factory=frozenset)
    max_bytes: int = DEFAULT_MAX_BYTES
    max_depth: int = DEFAULT_JSON_DEPTH


@dataclass(frozen=True, slots=True)
class DecodedToken:
    """A token taken apart; nothing about it is proven."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def alg(self) -> str:
        """The ``alg`` of the header."""
        alg: str = self.header["alg"]
        return alg

    @property
    def kid(self) -> str | None:
        """The ``kid`` of the header."""
        return self.header.get("kid")


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token that met its expectation."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]


FindKey = Callable[[DecodedToken], VerificationKey | None]
"""Chooses among the keys of the party that must have signed, by ``kid``, ``alg`` and perhaps ``iss``.

What the header brings along (``jwk``, ``jku``, ``x5c``, ``x5u``) is nobody's key (RFC 8725 section 3.10).
"""


def _decode_header(segment: bytes, max_depth: int) -> Mapping[str, Any]:
    try:
        header = strict_object(b64u_decode(segment), max_depth=max_depth)
    except ValueError:
        raise MalformedTokenError("the header is no base64url JSON object") from None
    alg = header.get("alg")
    if not isinstance(alg, str) or not all(isinstance(header.get(name, ""), str) for name in _TEXT_HEADERS):
        raise MalformedTokenError("the header needs alg, and alg, typ, cty and kid are text")
    return MappingProxyType(header)


# A key's tokens all carry the same header; errors are not kept.
_cached_header = lru_cache(maxsize=512)(_decode_header)


def decode(token: str, *, max_bytes: int = DEFAULT_MAX_BYTES, max_depth: int = DEFAULT_JSON_DEPTH) -> DecodedToken:
    """Take a compact JWS with JSON claims apart (RFC 7515 section 5.2, steps 1 to 7). Proves nothing.

    Args:
        token: the text of a stranger.
        max_bytes: longest token.
        max_depth: how deep its JSON may be nested.

    Raises:
        MalformedTokenError: when it has another form or exceeds a limit.
    """
    if len(token) > max_bytes:
        raise MalformedTokenError(f"the token is longer than {max_bytes} bytes")
    try:
        header_segment, payload_segment, signature_segment = token.encode("ascii").split(b".")
    except ValueError:
        raise MalformedTokenError("the token has not three parts of ASCII text") from None
    read_header = _cached_header if len(header_segment) <= _MAX_CACHED_HEADER else _decode_header
    header = read_header(header_segment, max_depth)
    try:
        claims = strict_object(b64u_decode(payload_segment), max_depth=max_depth)
        signature = b64u_decode(signature_segment)
    except ValueError:
        raise MalformedTokenError("claims or signature are no base64url text, or the claims no JSON object") from None
    return DecodedToken(header, MappingProxyType(claims), header_segment + b"." + payload_segment, signature)


def _normal_typ(typ: str) -> str:
    # RFC 7515 section 4.1.9: media type names have no letter case; application/ may be left out.
    lower = typ.lower()
    return lower[12:] if lower.startswith("application/") and "/" not in lower[12:] else lower


def check_header(decoded: DecodedToken, expectation: Expectation) -> None:
    """Check ``crit``, ``typ`` and ``alg``.

    Raises:
        CriticalHeaderError: for any critical extension: none is understood.
        WrongTypeError: for another kind of token.
        AlgorithmNotAllowedError: for an algorithm that is not expected, ``none`` always.
    """
    header = decoded.header
    # RFC 7515 section 4.1.11 and RFC 7797 section 6.
    if "crit" in header or "b64" in header:
        raise CriticalHeaderError("the header demands an extension that is not supported")
    # RFC 8725 section 3.11.
    if _normal_typ(header.get("typ", "")) not in expectation.typ:
        raise WrongTypeError("typ names another kind of token")
    # RFC 8725 sections 3.1 and 3.2.
    if decoded.alg not in expectation.algorithms or decoded.alg == "none":
        raise AlgorithmNotAllowedError("alg is not allowed here")


def check_signature(decoded: DecodedToken, key: VerificationKey | None) -> None:
    """Check the signature (RFC 7515 section 5.2, step 8).

    Raises:
        UnknownKeyError: when there is no key.
        BadSignatureError: when the key, its algorithm, or the signature do not fit.
    """
    if key is None:
        raise UnknownKeyError("no known key fits kid and alg")
    if not key.verify(decoded.alg, decoded.signature, decoded.signing_input):
        raise BadSignatureError("the signature does not verify")


def _time(claims: Mapping[str, Any], name: str) -> int | float | None:
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidClaimError(f"{name} is a number of seconds")
    return value


def _check_times(claims: Mapping[str, Any], expectation: Expectation, now: int) -> None:
    leeway = expectation.leeway
    exp, nbf, iat = _time(claims, "exp"), _time(claims, "nbf"), _time(claims, "iat")
    if exp is None:
        raise MissingClaimError("the claim exp is missing")
    # RFC 7519 section 4.1.4: the current time must be before exp.
    if now >= exp + leeway:
        raise TokenExpiredError("the token has expired")
    # RFC 7519 section 4.1.5; a token from the future has a wrong clock or a wrong maker.
    if (nbf is not None and now < nbf - leeway) or (iat is not None and now < iat - leeway):
        raise TokenNotYetValidError("nbf or iat lies in the future")
    if expectation.max_lifetime is not None and exp - (now if iat is None else iat) > expectation.max_lifetime:
        raise LifetimeTooLongError(f"the token lives longer than {expectation.max_lifetime} seconds")


def audiences(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the values of ``aud`` (RFC 7519 section 4.1.3); empty when it is absent.

    Raises:
        InvalidClaimError: when it is neither text nor an array of text.
    """
    value = claims.get("aud", ())
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise InvalidClaimError("aud is text or an array of text")
    return tuple(value)


def check_claims(claims: Mapping[str, Any], expectation: Expectation, now: int) -> None:
    """Check times, issuer, audience and presence.

    Args:
        claims: claims of a token whose signature verified.
        expectation: what they must be.
        now: seconds since the Unix epoch.

    Raises:
        MissingClaimError: when a required claim is absent.
        InvalidClaimError: when a registered claim has the wrong JSON type.
        TokenExpiredError, TokenNotYetValidError, LifetimeTooLongError: by the clock.
        WrongIssuerError, WrongAudienceError: when made by, or meant for, somebody else.
    """
    if not expectation.required <= claims.keys():
        missing = ", ".join(sorted(expectation.required - claims.keys()))
        raise MissingClaimError(f"missing claims: {missing}")
    for name in _TEXT_CLAIMS:
        if not isinstance(claims.get(name, ""), str):
            raise InvalidClaimError(f"{name} is text")
    _check_times(claims, expectation, now)
    # RFC 8725 section 3.8: compared octet by octet.
    if expectation.issuer is not None and claims.get("iss") != expectation.issuer:
        raise WrongIssuerError("iss is another issuer")
    audience = audiences(claims)
    if expectation.audience is not None:
        # RFC 8725 section 3.9.
        if expectation.audience.isdisjoint(audience):
            raise WrongAudienceError("aud does not name the receiver")
        if expectation.sole_audience and not expectation.audience.issuperset(audience):
            raise WrongAudienceError("aud names others beside the receiver")


def verify(token: str, find_key: FindKey, expectation: Expectation, now: int) -> VerifiedToken:
    """Accept a token, or say why not.

    Args:
        token: the text of a stranger.
        find_key: chooses the key; see :data:`FindKey`.
        expectation: what the token must look like.
        now: seconds since the Unix epoch.

    Raises:
        TokenError: the subclass says why.
    """
    decoded = decode(token, max_bytes=expectation.max_bytes, max_depth=expectation.max_depth)
    check_header(decoded, expectation)
    check_signature(decoded, find_key(decoded))
    check_claims(decoded.claims, expectation, now)
    return VerifiedToken(decoded.header, decoded.claims)
