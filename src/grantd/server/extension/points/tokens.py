"""Grant types, tokens and what is said with them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from grantd.server.extension.feature import Claim, Contribution
from grantd.server.http.messages import Request
from grantd.server.pipeline.model import (
    AccessTokenIssuance,
    Issuance,
    Prepared,
    PreparedProfileToken,
    TokenReference,
    TokenRequest,
)
from grantd.storage.records import Grant

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


class GrantHandler(Protocol):
    """The rules of one grant type."""

    async def __call__(self, request: TokenRequest, /) -> Prepared | PreparedProfileToken:
        """Verify the evidence of ``request`` and consume nothing.

        ``Prepared`` leads to an access token, ``PreparedProfileToken`` to a token of another profile.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class GrantType(Contribution):
    """A ``grant_type`` of the token endpoint.

    Args:
        name: its value on the wire.
        build: makes the handler.
        repeatable: parameters that may come more than once, beside ``resource``.
        public_clients: whether a client that does not authenticate may use it.
    """

    name: str
    build: Callable[["Issuer"], GrantHandler]
    repeatable: frozenset[str] = frozenset()
    public_clients: bool = True

    def claims(self) -> tuple[Claim, ...]:
        """Own the grant type."""
        return (Claim("grant type", self.name),)


@dataclass(frozen=True, kw_only=True)
class RedemptionCheck(Contribution):
    """A rule about the redemption of an authorization code (PKCE is one).

    Args:
        parameters: token request parameters that it owns.
        check: raises an ``OAuthError``; runs before the code is claimed.
    """

    parameters: frozenset[str]
    check: Callable[[TokenRequest, Grant], None]

    def claims(self) -> tuple[Claim, ...]:
        """Own the parameters."""
        return tuple(Claim("token request parameter", name) for name in sorted(self.parameters))


@dataclass(frozen=True, kw_only=True)
class SenderBinding(Contribution):
    """A way to bind tokens to a key (DPoP, mutual TLS).

    Args:
        name: for the log.
        present: whether the request uses it; pure and cheap.
        build: makes the verifier: returns the ``cnf`` value and the ``token_type``, or raises.
    """

    name: str
    present: Callable[[Request], bool]
    build: Callable[["Issuer"], Callable[[Request], Awaitable[tuple[dict[str, Any], str]]]]


@dataclass(frozen=True, kw_only=True)
class TokenProfile(Contribution):
    """A kind of signed token: what it may say, how long it lives, who may hold it.

    Args:
        name: how code asks for it (``access_token``).
        typ: the JOSE ``typ``.
        claim_names: allow-list; a claim outside is a programming error and is refused.
        token_type: ``token_type`` of responses that carry it, or empty for the binding's.
        lifetime: longest life in seconds, or ``None`` when the caller decides.
        bindable: whether ``cnf`` may be added.
    """

    name: str
    typ: str
    claim_names: frozenset[str]
    token_type: str = ""
    lifetime: int | None = None
    bindable: bool = True

    def claims(self) -> tuple[Claim, ...]:
        """Own the name, the ``typ`` and the profile's own claims, which nobody else may say then."""
        own = self.claim_names | {"cnf"} if self.bindable else self.claim_names
        return (
            Claim("token profile", self.name),
            Claim("token typ", self.typ),
            *(Claim(f"claim of {self.name}", name) for name in sorted(own)),
        )


@dataclass(frozen=True, kw_only=True)
class AccessTokenFormat(Contribution):
    """How access tokens for a resource look: ``jwt``, ``opaque``.

    Args:
        name: value of ``ResourceServer.token_format``.
        build: makes the encoder; it gets the claims that the issuance collected.
    """

    name: str
    build: Callable[["Issuer"], Callable[[AccessTokenIssuance, dict[str, Any]], str]]

    def claims(self) -> tuple[Claim, ...]:
        """Own the format."""
        return (Claim("access token format", self.name),)


@dataclass(frozen=True, kw_only=True)
class TokenContribution(Contribution):
    """Claims that a feature adds to tokens of a profile.

    Args:
        names: the claims that it owns there.
        contribute: gives them; runs inside issuance, after the claim was won. Claims outside ``names`` are refused.
        profile: the profile it adds to.
    """

    names: frozenset[str]
    contribute: Callable[[Issuance], Mapping[str, Any]]
    profile: str = "access_token"

    def claims(self) -> tuple[Claim, ...]:
        """Own the claims within the profile."""
        return tuple(Claim(f"claim of {self.profile}", name) for name in sorted(self.names))


@dataclass(frozen=True, kw_only=True)
class Allocator(Contribution):
    """A claim that has to be allocated in the store before the token is signed (a status list index).

    Args:
        names: the claims that it owns.
        build: makes the allocation; it may wait for the store.
        profile: the profile it adds to.
    """

    names: frozenset[str]
    build: Callable[["Issuer"], Callable[[Issuance], Awaitable[Mapping[str, Any]]]]
    profile: str = "access_token"

    def claims(self) -> tuple[Claim, ...]:
        """Own the claims within the profile."""
        return tuple(Claim(f"claim of {self.profile}", name) for name in sorted(self.names))


@dataclass(frozen=True, kw_only=True)
class TokenResponseMember(Contribution):
    """Members that a feature adds to successful token responses.

    Args:
        names: the members that it owns.
        contribute: gives them.
        profile: the profile of the token that the response carries.
    """

    names: frozenset[str]
    contribute: Callable[[TokenRequest, Issuance], Mapping[str, Any]]
    profile: str = "access_token"

    def claims(self) -> tuple[Claim, ...]:
        """Own the members."""
        return tuple(Claim("token response member", name) for name in sorted(self.names))


@dataclass(frozen=True, kw_only=True)
class TokenResponseHeader(Contribution):
    """A header of successful token responses (``DPoP-Nonce``); those of refusals come with the error.

    Args:
        name: in lower case.
        contribute: gives it, once or not at all.
    """

    name: str
    contribute: Callable[[TokenRequest], tuple[tuple[bytes, bytes], ...]]

    def claims(self) -> tuple[Claim, ...]:
        """Own the header."""
        return (Claim("token response header", self.name),)


@dataclass(frozen=True, kw_only=True)
class TokenKind(Contribution):
    """A kind of token that introspection and revocation recognise.

    Args:
        name: the value of ``token_type_hint``.
        build: makes the recogniser; it returns ``None`` for strings that are not its own or have expired.
        revoke: makes the revoker of one recognised token.
    """

    name: str
    build: Callable[["Issuer"], Callable[[str], Awaitable[TokenReference | None]]]
    revoke: Callable[["Issuer"], Callable[[TokenReference, str], Awaitable[None]]]

    def claims(self) -> tuple[Claim, ...]:
        """Own the kind."""
        return (Claim("token kind", self.name),)
