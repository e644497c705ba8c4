"""The authorization request and its response."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from grantd.server.extension.feature import Claim, Contribution
from grantd.server.http.forms import Parameters
from grantd.server.http.messages import Request, Response
from grantd.server.pipeline.model import (
    AuthorizationDraft,
    AuthorizationResponse,
    GrantDraft,
)

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


@dataclass(frozen=True, kw_only=True)
class RequestSource(Contribution):
    """Another road by which the parameters of an authorization request come (pushed requests, request objects).

    Args:
        parameter: its presence selects this road.
        build: makes the loader, which returns the parameters to use instead.
    """

    parameter: str
    build: Callable[["Issuer"], Callable[[Request, Parameters], Awaitable[Parameters]]]

    def claims(self) -> tuple[Claim, ...]:
        """Own the parameter."""
        return (Claim("authorization request parameter", self.parameter),)


@dataclass(frozen=True, kw_only=True)
class AuthorizationCheck(Contribution):
    """A rule about the authorization request.

    Args:
        parameters: the parameters that this feature owns.
        check: raises an ``OAuthError``, or leaves evidence in ``draft.request``.
        repeatable: those of them that may come more than once.
    """

    parameters: frozenset[str]
    check: Callable[[AuthorizationDraft], None]
    repeatable: frozenset[str] = frozenset()

    def claims(self) -> tuple[Claim, ...]:
        """Own the parameters."""
        return tuple(Claim("authorization request parameter", name) for name in sorted(self.parameters))


class ResponseTypeHandler(Protocol):
    """Turns a decision into the members of the authorization response."""

    async def __call__(self, draft: GrantDraft, /) -> tuple[tuple[str, str], ...]:
        """Write what has to be kept and return the response parameters."""
        ...


@dataclass(frozen=True, kw_only=True)
class ResponseType(Contribution):
    """A ``response_type``."""

    name: str
    build: Callable[["Issuer"], ResponseTypeHandler]

    def claims(self) -> tuple[Claim, ...]:
        """Own the response type."""
        return (Claim("response type", self.name),)


@dataclass(frozen=True, kw_only=True)
class ResponseMode(Contribution):
    """A ``response_mode``.

    Args:
        name: its registered name.
        render: gives the HTTP response.
        carries_issuer: the mode names the issuer itself, so that the separate ``iss`` is left out (RFC 9207 section 4).
    """

    name: str
    render: Callable[["Issuer", AuthorizationResponse], Response]
    carries_issuer: bool = False

    def claims(self) -> tuple[Claim, ...]:
        """Own the response mode."""
        return (Claim("response mode", self.name),)


@dataclass(frozen=True, kw_only=True)
class AuthorizationResponseParameter(Contribution):
    """A parameter of every authorization response, success and error alike."""

    name: str
    value: Callable[["Issuer"], str | None]

    def claims(self) -> tuple[Claim, ...]:
        """Own the parameter."""
        return (Claim("authorization response parameter", self.name),)
