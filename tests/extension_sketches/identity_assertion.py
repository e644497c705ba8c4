"""Sketch: a foreign assertion becomes an access token (jwt-bearer, identity assertion authorization grant).

The grant type dispatches on ``typ``; who may issue what stands in a trust record of that purpose, and an empty trust
list means nobody.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from grantd.core.errors import InvalidGrantError
from grantd.core.random import random_id
from grantd.core.scopes import parse_scope
from grantd.core.specification import Specification
from grantd.jose import DecodedToken, Expectation, JoseError, KeySet, VerificationKey, decode
from grantd.jose.verify import audiences, check_claims, check_header, check_signature
from grantd.server.extension import Claim, Contribution, Feature
from grantd.server.extension.points import GrantType, Metadata, RecordKind
from grantd.server.issuer import Issuer
from grantd.server.pipeline.model import Claimed, Prepared, TokenPlan, TokenRequest
from grantd.server.pipeline.targets import check_resources, check_scopes
from grantd.storage.records import FeatureRecord, Grant, User

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TRUST, USED = "trusted_issuer", "used_assertion"
_REFUSED = "the assertion is invalid, expired, used, or comes from an issuer that is not trusted for it"
_LONGEST_LIFE = 600


@dataclass(frozen=True, kw_only=True)
class AssertionProfile(Contribution):
    """A kind of assertion.

    Args:
        typ: its JOSE ``typ``, lower case.
        purpose: what a trust record has to say.
        profile: value of ``authorization_grant_profiles_supported``.
        required: claims that have to be there.
        find_user: the person that verified claims speak of.
    """

    typ: str
    purpose: str
    profile: str
    required: frozenset[str]
    find_user: Callable[[Issuer, Mapping[str, Any]], Awaitable[User | None]]

    def claims(self) -> tuple[Claim, ...]:
        return (Claim("assertion typ", self.typ), Claim("assertion purpose", self.purpose))


class TrustRecord(msgspec.Struct, frozen=True):
    """What is believed of a foreign issuer, by purpose."""

    purposes: tuple[str, ...]
    jwks: dict[str, Any]


def key_of(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class AssertionGrant:
    """The dispatcher."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._profiles = {
            profile.typ: (
                profile,
                Expectation(
                    typ=frozenset({profile.typ}),
                    algorithms=frozenset({"ES256", "EdDSA", "RS256", "PS256"}),
                    issuer=None,
                    audience=frozenset({issuer.identifier}),
                    sole_audience=True,
                    max_lifetime=_LONGEST_LIFE,
                    required=profile.required | {"iss", "sub", "aud", "jti", "iat", "client_id"},
                ),
            )
            for profile in issuer.registry.of(AssertionProfile)
        }

    async def __call__(self, request: TokenRequest) -> Prepared:
        claims, profile = await self._verify(request)
        if claims["client_id"] != request.client.client_id:
            raise InvalidGrantError(_REFUSED, detail="made for another client")
        user = await profile.find_user(self._issuer, claims)
        if user is None or user.status != "active":
            raise InvalidGrantError("the assertion's subject is not known here", detail="no user")
        scopes = parse_scope(str(claims.get("scope", "")))
        check_scopes(self._issuer.resources, request.client, scopes)
        resource = claims.get("resource", ())
        resources = (resource,) if isinstance(resource, str) else tuple(resource)
        check_resources(self._issuer.resources, resources)
        grant = Grant(
            issuer=self._issuer.identifier,
            grant_id=random_id(),
            grant_type=GRANT_TYPE,
            client_id=request.client.client_id,
            subject=user.user_id,
            user_id=user.user_id,
            scopes=scopes,
            resources=resources,
            acr=claims.get("acr", ""),
            amr=tuple(claims.get("amr", ())),
            auth_time=claims.get("auth_time"),
            confirmation=request.confirmation,
            evidence={"assertion": {"iss": claims["iss"], "jti": claims["jti"]}},
            created_at=request.now,
        )

        async def claim(plan: TokenPlan) -> Claimed:
            # Everything that can be refused was; now the assertion is spent, by exactly one request.
            record = FeatureRecord(
                issuer=self._issuer.identifier,
                kind=USED,
                key=key_of(claims["iss"], claims["jti"]),
                body=b"",
                expires_at=int(claims["exp"]) + 1,
            )
            if not await self._issuer.store.insert_record(record):
                raise InvalidGrantError(_REFUSED, detail="used before")
            keep = request.now + self._issuer.access_tokens.lifetime(plan)
            await self._issuer.store.insert_grant(msgspec.structs.replace(grant, expires_at=keep))
            return Claimed(grant_id=grant.grant_id)

        return Prepared(grant=grant, scopes=scopes, resources=resources, claim=claim)

    async def _verify(self, request: TokenRequest) -> tuple[Mapping[str, Any], AssertionProfile]:
        try:
            token = decode(request.parameters.require("assertion"))
            profile, expectation = self._profiles[str(token.header.get("typ", "")).lower()]
            # RFC 8725 section 3.12: typ before anything else, so that no other token of that issuer is taken for this.
            check_header(token, expectation)
            key = await self._find_key(token, profile.purpose)
            check_signature(token, key)
            check_claims(token.claims, expectation, request.now)
            audiences(token.claims)
        except (JoseError, KeyError) as error:
            raise InvalidGrantError(_REFUSED, detail=f"{type(error).__name__}: {error}") from error
        return token.claims, profile

    async def _find_key(self, token: DecodedToken, purpose: str) -> VerificationKey | None:
        issuer, iss = self._issuer, token.claims.get("iss")
        # IDJAG-77: an issuer never takes its own assertion.
        if not isinstance(iss, str) or iss == issuer.identifier:
            return None
        record = await issuer.store.find_record(issuer.identifier, TRUST, key_of(iss), now=issuer.clock.now())
        if record is None:
            return None
        trust = msgspec.json.decode(record.body, type=TrustRecord)
        if purpose not in trust.purposes:
            return None
        return KeySet.from_jwks(trust.jwks).find(token.kid, token.alg)


async def find_linked_user(issuer: Issuer, claims: Mapping[str, Any]) -> User | None:
    """``aud_sub`` is our own identifier of the person."""
    return await issuer.store.find_user(issuer.identifier, str(claims["aud_sub"]))


JWT_BEARER = Feature(
    name="jwt_bearer",
    specification=Specification(
        title="JWT Profile for Authorization Grants",
        number="RFC 7523",
        version="2015-05",
        status="standard",
        link="https://a.example",
    ),
    summary="One dispatcher for all assertions.",
    contributions=(
        GrantType(name=GRANT_TYPE, build=AssertionGrant, public_clients=False),
        Metadata(
            names=frozenset({"authorization_grant_profiles_supported"}),
            members=lambda issuer: {
                "authorization_grant_profiles_supported": [p.profile for p in issuer.registry.of(AssertionProfile)]
            },
        ),
        RecordKind(kind=TRUST, description="a foreign issuer, its keys and what it is trusted for"),
        RecordKind(kind=USED, description="an assertion that was used"),
    ),
)
IDENTITY_ASSERTION = Feature(
    name="identity_assertion",
    specification=Specification(
        title="Identity Assertion JWT Authorization Grant",
        number="draft-ietf-oauth-identity-assertion-authz-grant",
        version="-04",
        status="draft",
        link="https://a.example",
    ),
    summary="An enterprise's identity provider vouches for the person.",
    contributions=(
        AssertionProfile(
            typ="oauth-id-jag+jwt",
            purpose="identity-assertion",
            profile="urn:ietf:params:oauth:grant-profile:id-jag",
            required=frozenset({"aud_sub"}),
            find_user=find_linked_user,
        ),
    ),
    requires=("jwt_bearer",),
)
