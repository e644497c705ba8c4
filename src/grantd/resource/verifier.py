"""Validation of JWT access tokens (RFC 9068 section 4)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from grantd.core.clock import Clock, SystemClock
from grantd.jose import DecodedToken, Expectation, TokenError, VerificationKey, verify
from grantd.jose.algorithms import SIGNATURE_ALGORITHMS
from grantd.jose.errors import InvalidClaimError, UnknownKeyError
from grantd.jose.verify import audiences
from grantd.resource.errors import InvalidTokenError
from grantd.resource.keys import KeySource

_REQUIRED = frozenset({"iss", "exp", "aud", "sub", "client_id", "iat", "jti"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A valid access token.

    Args:
        issuer: who issued it.
        subject: ``sub``: the user, or a name of the client itself.
        client_id: the client that presents it.
        scopes: what it allows.
        audience: whom it is meant for; this resource is among them.
        expires_at: seconds since the Unix epoch.
        token_id: ``jti``.
        claims: everything that it says.
    """

    issuer: str
    subject: str
    client_id: str
    scopes: frozenset[str]
    audience: tuple[str, ...]
    expires_at: int
    token_id: str
    claims: Mapping[str, Any] = field(repr=False)


def _access_token(claims: Mapping[str, Any]) -> AccessToken:
    client_id, scope = claims["client_id"], claims.get("scope", "")
    if not isinstance(client_id, str) or not isinstance(scope, str):
        raise InvalidClaimError("client_id and scope are text")
    return AccessToken(
        issuer=claims["iss"],
        subject=claims["sub"],
        client_id=client_id,
        scopes=frozenset(scope.split()),
        audience=audiences(claims),
        expires_at=int(claims["exp"]),
        token_id=claims["jti"],
        claims=claims,
    )


class AccessTokenVerifier:
    """Accepts the access tokens of one issuer for one resource.

    Args:
        issuer: the only accepted issuer, compared exactly.
        audience: the resource's own identifier, or several.
        keys: the issuer's keys.
        algorithms: accepted signature algorithms.
        leeway: seconds by which clocks may differ.
        clock: the time.

    Raises:
        ValueError: for an algorithm that does not exist here, or without audience or algorithms.
    """

    def __init__(
        self,
        issuer: str,
        audience: str | Collection[str],
        keys: KeySource,
        *,
        algorithms: Collection[str] = ("ES256", "EdDSA", "RS256", "PS256"),
        leeway: int = 5,
        clock: Clock | None = None,
    ) -> None:
        accepted = frozenset({audience} if isinstance(audience, str) else audience)
        if not accepted or not algorithms or not SIGNATURE_ALGORITHMS.issuperset(algorithms):
            raise ValueError(f"needs an audience, and algorithms out of {sorted(SIGNATURE_ALGORITHMS)}")
        self._keys = keys
        self._clock = clock or SystemClock()
        self._expectation = Expectation(
            # RFC 9068 section 4: no other typ, so that ID tokens and introspection answers (RFC 9701 section 8.1)
            # cannot pass.
            typ=frozenset({"at+jwt"}),
            algorithms=frozenset(algorithms),
            issuer=issuer,
            audience=accepted,
            leeway=leeway,
            required=_REQUIRED,
        )

    def _find_key(self, decoded: DecodedToken) -> VerificationKey | None:
        return self._keys.find(decoded.kid, decoded.alg)

    def check(self, token: str) -> AccessToken:
        """Validate with the keys at hand, without looking for newer ones.

        Raises:
            InvalidTokenError: chained to the reason; :class:`~grantd.jose.errors.UnknownKeyError` may be worth a
                second try with fresh keys.
        """
        try:
            verified = verify(token, self._find_key, self._expectation, self._clock.now())
            access_token = _access_token(verified.claims)
        except TokenError as error:
            raise InvalidTokenError(
                "the access token is not valid here", detail=f"{type(error).__name__}: {error}"
            ) from error
        # RFC 9449 section 7.1, RFC 8705 section 3: a bound token without a checked binding may be a stolen one.
        if "cnf" in verified.claims:
            raise InvalidTokenError("the access token is sender-constrained, and this binding is not supported here")
        return access_token

    async def verify(self, token: str) -> AccessToken:
        """Validate a token (RFC 9068 section 4), reading the issuer's keys again where that is due.

        Raises:
            InvalidTokenError: when it is not valid for this resource.
            KeysUnavailableError: when the issuer's keys cannot be had.
        """
        await self._keys.refresh(unknown_key=False)
        try:
            return self.check(token)
        except InvalidTokenError as error:
            if not isinstance(error.__cause__, UnknownKeyError):
                raise
            if not await self._keys.refresh(unknown_key=True):
                raise
        return self.check(token)
