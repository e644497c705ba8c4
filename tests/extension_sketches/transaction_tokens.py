"""Sketch: transaction tokens through a token-exchange dispatcher (draft-ietf-oauth-transaction-tokens, RFC 8693).

Two features: the exchange opens an extension point of its own, and transaction tokens are one contribution to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from grantd.core.errors import InvalidRequestError, InvalidScopeError, InvalidTargetError, UnauthorizedClientError
from grantd.core.random import random_id
from grantd.core.scopes import parse_scope
from grantd.core.specification import Specification
from grantd.server.extension import Claim, Contribution, Feature
from grantd.server.extension.points import (
    ClientMetadataMember,
    GrantHandler,
    GrantType,
    SettingsSection,
    TokenProfile,
)
from grantd.server.issuer import Issuer
from grantd.server.pipeline.model import Prepared, PreparedProfileToken, Reach, TokenReference, TokenRequest
from grantd.server.pipeline.token_kinds import TokenKinds

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
TXN_TOKEN = "urn:ietf:params:oauth:token-type:txn_token"


@dataclass(frozen=True, kw_only=True)
class TokenExchange(Contribution):
    """A ``requested_token_type`` with the ``subject_token_type`` values that lead to it."""

    requested_token_type: str
    subject_token_types: frozenset[str]
    build: Callable[[Issuer], GrantHandler]

    def claims(self) -> tuple[Claim, ...]:
        return (Claim("requested token type", self.requested_token_type),)


class ExchangeDispatcher:
    """The grant type: knows no kind of token, only who makes which."""

    def __init__(self, issuer: Issuer) -> None:
        points = issuer.registry.of(TokenExchange)
        self._exchanges = {p.requested_token_type: (p.subject_token_types, p.build(issuer)) for p in points}

    async def __call__(self, request: TokenRequest) -> Prepared | PreparedProfileToken:
        # RFC 8693 section 2.2.2: what cannot be issued is invalid_request.
        known = self._exchanges.get(request.parameters.require("requested_token_type"))
        if known is None:
            raise InvalidRequestError(f"requested_token_type is not one of {', '.join(sorted(self._exchanges))}")
        subject_types, handle = known
        if request.parameters.require("subject_token_type") not in subject_types:
            raise InvalidRequestError(f"subject_token_type is not one of {', '.join(sorted(subject_types))}")
        return await handle(request)


class TransactionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    trust_domains: tuple[str, ...] = ()
    lifetime: int = 60
    allow_shared_secret: bool = False


class TransactionTokens:
    """From an access token of ours to a transaction token."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._settings = issuer.feature_settings(TransactionSettings)
        self._kinds = TokenKinds(issuer)

    async def __call__(self, request: TokenRequest) -> PreparedProfileToken:
        workload = self._refuse_strangers(request)
        audience = self._read_audience(request)
        subject = await self._verify_subject(request)
        scopes = parse_scope(request.parameters.require("scope"))
        # TXN-54 to TXN-56: never more than the subject token, and an unknown scope is not an unlimited one.
        if not set(scopes) <= set(str(subject.claims.get("scope", "")).split()):
            raise InvalidScopeError("scope is more than the subject token carries")
        view = await self._issuer.store.find_grant(self._issuer.identifier, subject.grant_id)
        if view is None or not view.live:
            raise InvalidRequestError("subject_token is not valid any more")

        async def claim() -> str:
            return subject.grant_id

        return PreparedProfileToken(
            profile="transaction_token",
            issued_token_type=TXN_TOKEN,
            grant=view.grant,
            reach=Reach(scopes=scopes, audience=(audience,)),
            claims={
                "sub": view.grant.subject,
                "txn": random_id(),
                "scope": " ".join(scopes),
                "req_wl": workload,
                **self._read_context(request),
            },
            # TXN-25: not beyond the subject token.
            expires_at=min(request.now + self._settings.lifetime, subject.expires_at),
            claim=claim,
        )

    def _refuse_strangers(self, request: TokenRequest) -> str:
        metadata = request.client.metadata
        # TXN-15: the registered method is the only one that got it here.
        if "secret" in metadata.token_endpoint_auth_method and not self._settings.allow_shared_secret:
            raise UnauthorizedClientError("transaction tokens need asymmetric client authentication")
        if not metadata.extensions.get("txn_token_allowed"):
            raise UnauthorizedClientError("this client may not ask for transaction tokens")
        if "actor_token" in request.parameters:
            raise InvalidRequestError("actor_token has no place in a transaction token request")
        return str(metadata.extensions.get("workload_id") or request.client.client_id)

    def _read_audience(self, request: TokenRequest) -> str:
        audiences = request.parameters.all("audience")
        if not audiences:
            raise InvalidRequestError("audience is missing; name the trust domain")
        if len(audiences) != 1 or audiences[0] not in self._settings.trust_domains:
            raise InvalidTargetError("audience has to be one trust domain of this server")
        return audiences[0]

    async def _verify_subject(self, request: TokenRequest) -> TokenReference:
        found = await self._kinds.find(request.parameters.require("subject_token"), "access_token")
        if found is None or found[1].kind != "access_token" or not found[1].live:
            raise InvalidRequestError("subject_token is not a live access token of this server")
        return found[1]

    def _read_context(self, request: TokenRequest) -> dict[str, Any]:
        said = {}
        for parameter, claim in (("request_context", "rctx"), ("request_details", "tctx")):
            text = request.parameters.get(parameter)
            if text is None:
                continue
            try:
                said[claim] = msgspec.json.decode(text, type=dict[str, Any])
            except msgspec.DecodeError:
                raise InvalidRequestError(f"{parameter} is not a JSON object") from None
            # TXN-52: the subject token must not travel on inside.
            if request.parameters.require("subject_token") in text:
                raise InvalidRequestError(f"{parameter} holds the subject token")
        return said


EXCHANGE = Feature(
    name="token_exchange",
    specification=Specification(
        title="OAuth 2.0 Token Exchange",
        number="RFC 8693",
        version="2020-01",
        status="standard",
        link="https://a.example",
    ),
    summary="One dispatcher for all exchanges.",
    contributions=(
        GrantType(name=GRANT_TYPE, build=ExchangeDispatcher, repeatable=frozenset({"audience"}), public_clients=False),
    ),
)
TRANSACTIONS = Feature(
    name="transaction_tokens",
    specification=Specification(
        title="Transaction Tokens",
        number="draft-ietf-oauth-transaction-tokens",
        version="-09",
        status="draft",
        link="https://a.example",
    ),
    summary="A short-lived token for one call chain in one trust domain.",
    contributions=(
        SettingsSection(feature="transaction_tokens", model=TransactionSettings),
        ClientMetadataMember(
            name="txn_token_allowed", check=lambda v: None if isinstance(v, bool) else "is no boolean"
        ),
        ClientMetadataMember(name="workload_id", check=lambda v: None if isinstance(v, str) else "is no text"),
        TokenExchange(
            requested_token_type=TXN_TOKEN, subject_token_types=frozenset({ACCESS_TOKEN}), build=TransactionTokens
        ),
        TokenProfile(
            name="transaction_token",
            typ="txntoken+jwt",
            claim_names=frozenset({"iss", "iat", "exp", "aud", "jti", "txn", "sub", "scope", "req_wl", "rctx", "tctx"}),
            token_type="N_A",
            lifetime=300,
            bindable=False,
        ),
    ),
    requires=("token_exchange",),
)
