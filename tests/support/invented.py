"""Features that exist in tests only: what the later specifications will plug in, as far as requirements need it now."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from grantd.core.errors import UnsupportedTokenTypeError
from grantd.core.specification import Specification
from grantd.server.extension import Contribution, Feature
from grantd.server.extension.points import ClientAuthenticationMethod, SenderBinding, TokenKind
from grantd.server.http.messages import Request
from grantd.server.pipeline.model import TokenReference

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

KEY_HEADER = "x-invented-key"
ETERNAL = "eternal-token-of-fleet-web-7"


def invented(name: str, *contributions: Contribution) -> Feature:
    """A feature of no specification."""
    specification = Specification(
        title="Invented", number="none", version="1", status="house", link="https://grantd.example/"
    )
    return Feature(name=name, specification=specification, summary="Invented.", contributions=contributions)


def _bind(_issuer: "Issuer") -> Callable[[Request], Awaitable[tuple[dict[str, Any], str]]]:
    async def verify(request: Request) -> tuple[dict[str, Any], str]:
        thumbprint = (request.header(KEY_HEADER.encode()) or b"").decode()
        return {"jkt": thumbprint}, "DPoP"

    return verify


BINDING = invented(
    "invented_binding",
    SenderBinding(
        name="invented", present=lambda request: request.header(KEY_HEADER.encode()) is not None, build=_bind
    ),
)
"""Binds tokens to the key that a header names, without proof."""


def _authenticate(_issuer: "Issuer") -> Any:
    async def verify(_credentials: object, _party: object, _request: Request) -> bool:
        return False

    return verify


JWT_METHOD = invented(
    "invented_jwt_method",
    ClientAuthenticationMethod(
        name="private_key_jwt",
        parameters=frozenset({"client_assertion", "client_assertion_type"}),
        find=lambda _request, _parameters: (),
        build=_authenticate,
        signing_algorithms=("ES256", "RS256"),
    ),
)
"""Announces a JWT method; nobody can use it."""


def _recognise(issuer: "Issuer") -> Callable[[str], Awaitable[TokenReference | None]]:
    async def recognise(token: str) -> TokenReference | None:
        if token != ETERNAL:
            return None
        return TokenReference(
            kind="eternal",
            grant_id="",
            client_id="fleet-web-7",
            jti="",
            audience=(),
            expires_at=issuer.clock.now() + 60,
            claims={},
            live=True,
        )

    return recognise


def _refuse(_issuer: "Issuer") -> Callable[[TokenReference, str], Awaitable[None]]:
    async def revoke(_reference: TokenReference, _correlation_id: str) -> None:
        raise UnsupportedTokenTypeError("tokens of this kind end by themselves")

    return revoke


ETERNAL_TOKENS = invented("invented_kind", TokenKind(name="eternal", build=_recognise, revoke=_refuse))
"""A kind of token that cannot be revoked."""
