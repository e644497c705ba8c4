"""Issuing access tokens: identifiers, claims, form. What is issued here points to a grant that is already written."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from grantd.server.extension.feature import CompositionError
from grantd.server.extension.points import AccessTokenFormat, Allocator, TokenContribution, TokenProfile
from grantd.server.pipeline.model import Issuance, TokenPlan
from grantd.storage.records import Client, Grant

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

ACCESS_TOKEN = "access_token"  # the name of a kind of token
_GRANT_ID_CHARACTERS = 22
_JTI_CHARACTERS = 50


def new_jti(grant_id: str) -> str:
    """Return a token identifier that names its grant and adds 160 random bits (OAuth 2.1 section 7.7)."""
    return f"{grant_id}.{urlsafe_b64encode(os.urandom(20))[:27].decode()}"


def grant_of(jti: str) -> str | None:
    """Return the grant that a ``jti`` of ours names; ``None`` for others."""
    if len(jti) != _JTI_CHARACTERS or jti[_GRANT_ID_CHARACTERS] != ".":
        return None
    return jti[:_GRANT_ID_CHARACTERS]


class UnknownClaimError(RuntimeError):
    """A token was about to say something that its profile does not allow: a programming error, never the client's."""


class ClaimRules:
    """The claims that tokens of one profile may carry: the profile's own and those that features contribute."""

    def __init__(self, issuer: "Issuer", profile: TokenProfile) -> None:
        registry = issuer.registry
        self.profile = profile
        self.contributions = tuple(c for c in registry.of(TokenContribution) if c.profile == profile.name)
        self.allocators: tuple[Callable[[Issuance], Awaitable[Mapping[str, Any]]], ...] = tuple(
            a.build(issuer) for a in registry.of(Allocator) if a.profile == profile.name
        )
        allowed = set(profile.claim_names)
        for names in (
            *(c.names for c in self.contributions),
            *(a.names for a in registry.of(Allocator) if a.profile == profile.name),
        ):
            allowed |= names
        if profile.bindable:
            allowed.add("cnf")
        self.allowed = frozenset(allowed)

    def check(self, claims: Mapping[str, Any]) -> None:
        """Refuse claims outside the allow-list.

        Raises:
            UnknownClaimError: names them.
        """
        if not claims.keys() <= self.allowed:
            raise UnknownClaimError(f"{self.profile.name} may not carry {sorted(claims.keys() - self.allowed)}")


class Minter:
    """Signs tokens of any profile: transaction tokens, assertions, introspection answers; access tokens have theirs."""

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer
        self._rules = {profile.name: ClaimRules(issuer, profile) for profile in issuer.registry.of(TokenProfile)}

    def rules(self, profile: str) -> ClaimRules:
        """Return the rules of an installed profile.

        Raises:
            CompositionError: no feature brings it.
        """
        try:
            return self._rules[profile]
        except KeyError:
            raise CompositionError(f"no installed feature brings the token profile {profile!r}") from None

    def mint(self, profile: str, claims: dict[str, Any], *, alg: str = "") -> str:
        """Sign ``claims`` as a token of ``profile`` with the issuer's key.

        Args:
            profile: name of an installed profile.
            claims: all claims of the token.
            alg: signature algorithm; empty takes the issuer's default.

        Raises:
            UnknownClaimError: a claim is not on the profile's list.
        """
        rules = self.rules(profile)
        rules.check(claims)
        return self._issuer.keys.compact_signer(rules.profile.typ, alg or None).sign(claims)


class AccessTokens:
    """Makes access tokens in the format that their resource wants."""

    def __init__(self, issuer: "Issuer", minter: Minter) -> None:
        registry = issuer.registry
        self._issuer = issuer
        self._rules = minter.rules(ACCESS_TOKEN)
        self._formats = {f.name: f.build(issuer) for f in registry.of(AccessTokenFormat)}
        self._contributions = tuple(c.contribute for c in self._rules.contributions)
        self._allocators = self._rules.allocators

    def lifetime(self, plan: TokenPlan) -> int:
        """Return the lifetime in seconds of tokens for a plan."""
        return plan.resource_server.access_token_lifetime or self._issuer.settings.lifetimes.access_token

    async def issue(
        self,
        *,
        client: Client,
        grant: Grant,
        grant_id: str,
        plan: TokenPlan,
        now: int,
        confirmation: dict[str, Any] | None,
        token_type: str,
    ) -> tuple[str, Issuance]:
        """Issue an access token for a grant that is on disk.

        Args:
            client: whom it is issued to.
            grant: what it rests on.
            plan: scopes and audience.
            now: seconds since the Unix epoch.
            token_type: ``Bearer`` or the binding's.
            grant_id: the written grant (a standing grant may differ from the draft that ``grant`` is).
            confirmation: the ``cnf`` value of a sender-constrained token.

        Returns:
            The token and the facts that it was made from.

        Raises:
            InvalidTargetError: no installed feature can write the resource's token format.
        """
        issuance = Issuance(
            issuer=self._issuer,
            client=client,
            grant=grant,
            plan=plan,
            jti=new_jti(grant_id),
            now=now,
            expires_at=now + self.lifetime(plan),
            confirmation=confirmation,
            token_type=token_type,
        )
        audience = plan.audience
        # RFC 9068 section 2.2: the required claims, then scope.
        claims: dict[str, Any] = {
            "iss": self._issuer.identifier,
            "sub": grant.subject,
            "aud": audience[0] if len(audience) == 1 else list(audience),
            "client_id": client.client_id,
            "scope": " ".join(plan.scopes),
            "iat": now,
            "exp": issuance.expires_at,
            "jti": issuance.jti,
        }
        # RFC 9068 section 2.2.1: facts of the sign-in come from the grant and so never change on refresh.
        if grant.auth_time is not None:
            claims["auth_time"] = grant.auth_time
        if grant.acr:
            claims["acr"] = grant.acr
        if grant.amr:
            claims["amr"] = grant.amr
        if confirmation is not None:
            claims["cnf"] = confirmation
        for contribute in self._contributions:
            claims.update(contribute(issuance))
        for allocate in self._allocators:
            claims.update(await allocate(issuance))
        self._rules.check(claims)
        return self._formats[plan.resource_server.token_format](issuance, claims), issuance
