"""Issuing access tokens: identifiers, claims, form. What is issued here points to a grant that is already written."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from grantd.core.errors import TemporarilyUnavailableError
from grantd.server.extension.feature import CompositionError
from grantd.server.extension.points import AccessTokenFormat, Allocator, TokenContribution, TokenProfile
from grantd.server.pipeline.model import AccessTokenIssuance, Issuance, Reach, TokenPlan
from grantd.storage.records import Client, Grant

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

ACCESS_TOKEN = "access_token"  # the name of a kind of token
_GRANT_ID_CHARACTERS = 22
_JTI_CHARACTERS = 50

Allocate = Callable[[Issuance], Awaitable[Mapping[str, Any]]]


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
        contributions = tuple(c for c in registry.of(TokenContribution) if c.profile == profile.name)
        allocators = tuple(a for a in registry.of(Allocator) if a.profile == profile.name)
        self.profile = profile
        self._contributions = tuple((c.names, c.contribute) for c in contributions)
        self._allocators: tuple[tuple[frozenset[str], Allocate], ...] = tuple(
            (a.names, a.build(issuer)) for a in allocators
        )
        self.extended = bool(contributions or allocators)
        own = profile.claim_names | {"cnf"} if profile.bindable else profile.claim_names
        self.allowed = own.union(*(c.names for c in contributions), *(a.names for a in allocators))

    async def extend(self, issuance: Issuance, claims: dict[str, Any]) -> None:
        """Add the claims that features contribute and allocate.

        Raises:
            UnknownClaimError: a feature gives a claim that it does not own.
        """
        for names, contribute in self._contributions:
            self._merge(claims, contribute(issuance), names)
        for names, allocate in self._allocators:
            self._merge(claims, await allocate(issuance), names)

    def _merge(self, claims: dict[str, Any], added: Mapping[str, Any], names: frozenset[str]) -> None:
        if not added.keys() <= names:
            raise UnknownClaimError(f"{sorted(added.keys() - names)} of {self.profile.name} came from no owner")
        claims.update(added)

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

    async def issue(
        self,
        profile: str,
        claims: Mapping[str, Any],
        *,
        client: Client,
        grant: Grant,
        grant_id: str,
        reach: Reach,
        now: int,
        expires_at: int | None = None,
        confirmation: dict[str, Any] | None = None,
        token_type: str,
    ) -> tuple[str, Issuance]:
        """Issue a token of ``profile`` that points to a grant on disk, with what features contribute to that profile.

        Args:
            profile: name of an installed profile.
            claims: what the token says beside ``iss``, ``aud``, ``iat``, ``exp`` and ``jti``.
            client: whom it is issued to.
            grant: what it rests on.
            grant_id: the written grant.
            reach: its scopes and audience.
            now: seconds since the Unix epoch.
            expires_at: when it should end; the profile's lifetime is the limit.
            confirmation: the key that the sender proved to have; kept only where the profile is bindable.
            token_type: of the response, where the profile has none of its own.

        Returns:
            The token and the facts that it was made from.

        Raises:
            CompositionError: no feature brings the profile, or nothing says when the token ends.
            UnknownClaimError: a claim is not on the profile's list.
        """
        rules = self.rules(profile)
        kind = rules.profile
        ends = [end for end in (expires_at, kind.lifetime and now + kind.lifetime) if end is not None]
        if not ends:
            raise CompositionError(f"nothing says when a token of the profile {profile!r} ends")
        issuance = Issuance(
            issuer=self._issuer,
            client=client,
            grant=grant,
            plan=reach,
            jti=new_jti(grant_id),
            now=now,
            expires_at=min(ends),
            confirmation=confirmation if kind.bindable else None,
            token_type=kind.token_type or token_type,
        )
        audience = reach.audience
        usual = {
            "iss": self._issuer.identifier,
            "aud": audience[0] if len(audience) == 1 else list(audience),
            "iat": now,
            "exp": issuance.expires_at,
            "jti": issuance.jti,
        }
        said = {name: value for name, value in usual.items() if name in kind.claim_names} | dict(claims)
        if issuance.confirmation is not None:
            said["cnf"] = issuance.confirmation
        await rules.extend(issuance, said)
        return self.mint(profile, said), issuance

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

    def require_key(self, plan: TokenPlan) -> None:
        """Refuse a token that nothing can sign now; asked before anything is claimed.

        Raises:
            TemporarilyUnavailableError: the resource wants an algorithm whose key is not there yet.
        """
        wanted = plan.resource_server.access_token_signing_alg
        if wanted and wanted not in self._issuer.keys.algorithms:
            error = TemporarilyUnavailableError("the key for this resource's tokens is not ready; try again shortly")
            error.detail = f"no {wanted} key for {plan.resource_server.resource_server_id}"
            error.headers.append((b"retry-after", b"2"))
            raise error

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
    ) -> tuple[str, AccessTokenIssuance]:
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
        issuance = AccessTokenIssuance(
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
        if self._rules.extended:
            await self._rules.extend(issuance, claims)
        self._rules.check(claims)
        return self._formats[plan.resource_server.token_format](issuance, claims), issuance
