"""The extension points of the core.

Each class is a point; a feature contributes instances. Callables named ``build`` run once per issuer at start and
return what the hot path uses.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from grantd.server.extension.feature import Claim, Contribution
from grantd.server.http.forms import Parameters
from grantd.server.http.messages import Request, Response
from grantd.server.http.routes import Handler, StaticEntity
from grantd.server.pipeline.model import (
    Advance,
    AuthorizationDraft,
    AuthorizationResponse,
    Challenge,
    ConsentContent,
    GrantDraft,
    InteractionContext,
    Issuance,
    Prepared,
    Retry,
    StepResult,
    TokenReference,
    TokenRequest,
)
from grantd.storage.records import Client, Grant, SecretHash

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

# --- Endpoints and metadata ---


@dataclass(frozen=True, kw_only=True)
class Endpoint(Contribution):
    """An endpoint of the issuer.

    Args:
        name: used in metrics and as key of ``Issuer.url``.
        path: below the issuer's own path, with a leading slash.
        methods: allowed HTTP methods.
        build: makes the handler.
        cors: who may call it from a browser: nobody, code of registered origins, or anyone.
        metadata_member: member of the server metadata that holds its URL, or empty.
        client_authentication: publish ``<metadata member without _endpoint>_endpoint_auth_methods_supported``.
    """

    name: str
    path: str
    methods: frozenset[str]
    build: Callable[["Issuer"], Handler]
    cors: Literal["none", "registered", "any"] = "none"
    metadata_member: str = ""
    client_authentication: bool = False

    def claims(self) -> tuple[Claim, ...]:
        """Own the path, the name and the metadata member."""
        owned = [Claim("endpoint path", self.path), Claim("endpoint name", self.name)]
        if self.metadata_member:
            owned.append(Claim("metadata member", self.metadata_member))
        return tuple(owned)


@dataclass(frozen=True, kw_only=True)
class Document(Contribution):
    """A document that is made at start and answered without work: metadata, key sets.

    Args:
        name: used in metrics and as key of ``Issuer.url``.
        paths: gives the absolute paths on the issuer's host, from the issuer.
        build: returns a callable that gives the current document.
        metadata_member: as for ``Endpoint``.
    """

    name: str
    paths: Callable[["Issuer"], tuple[str, ...]]
    build: Callable[["Issuer"], Callable[[], StaticEntity]]
    metadata_member: str = ""

    def claims(self) -> tuple[Claim, ...]:
        """Own the name and the metadata member; paths are compared at assembly."""
        owned = [Claim("endpoint name", self.name)]
        if self.metadata_member:
            owned.append(Claim("metadata member", self.metadata_member))
        return tuple(owned)


@dataclass(frozen=True, kw_only=True)
class Metadata(Contribution):
    """Members of the server metadata (RFC 8414 section 2).

    Args:
        names: the members that this feature owns.
        members: gives their values at start; empty lists and ``None`` are left out (RFC 8414 section 3.2).
    """

    names: frozenset[str]
    members: Callable[["Issuer"], Mapping[str, object]]

    def claims(self) -> tuple[Claim, ...]:
        """Own the members."""
        return tuple(Claim("metadata member", name) for name in sorted(self.names))


# --- Clients ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a request presents as client authentication.

    Args:
        client_id: whom it claims to be; may be empty until the method verified it.
        secret: a shared secret, if the method has one.
        raw: further material, by the method.
    """

    client_id: str
    secret: str = ""
    raw: Any = None


class ClientAuthenticator(Protocol):
    """Verifies credentials that its method found in a request."""

    async def __call__(self, credentials: Credentials, party: "Party", request: Request, /) -> bool:
        """Return whether ``credentials`` are those of ``party``; takes the same time either way."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A registered client or resource server, as client authentication sees it."""

    identifier: str
    methods: tuple[str, ...]
    secrets: tuple[SecretHash, ...]
    raw_basic: bool = False
    client: Client | None = None


@dataclass(frozen=True, kw_only=True)
class ClientAuthenticationMethod(Contribution):
    """A client authentication method (OAuth 2.1 section 2.4).

    Args:
        name: its registered name.
        parameters: body parameters that it reads.
        find: returns the credentials if the request presents this method, else ``None``; pure.
        build: makes the verifier.
        signing_algorithms: for JWT methods, what ``…_auth_signing_alg_values_supported`` lists.
    """

    name: str
    parameters: frozenset[str]
    find: Callable[[Request, Parameters], tuple[Credentials, ...]]
    build: Callable[["Issuer"], ClientAuthenticator]
    signing_algorithms: tuple[str, ...] = ()

    def claims(self) -> tuple[Claim, ...]:
        """Own the method's name."""
        return (Claim("client authentication method", self.name),)


@dataclass(frozen=True, kw_only=True)
class ClientResolver(Contribution):
    """Finds clients that are not in the directory (metadata documents, federation).

    Args:
        name: for the log.
        accepts: whether this resolver is responsible for the identifier.
        build: makes the lookup; it returns ``None`` for a client that does not exist.
    """

    name: str
    accepts: Callable[[str], bool]
    build: Callable[["Issuer"], Callable[[str], Awaitable[Client | None]]]


@dataclass(frozen=True, kw_only=True)
class ClientMetadataMember(Contribution):
    """A member of client metadata that a feature owns; lives in ``ClientMetadata.extensions``.

    Args:
        name: wire name.
        check: returns what is wrong with a value, or ``None``.
    """

    name: str
    check: Callable[[Any], str | None]

    def claims(self) -> tuple[Claim, ...]:
        """Own the member."""
        return (Claim("client metadata member", self.name),)


# --- The authorization request ---


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


# --- Tokens ---


class GrantHandler(Protocol):
    """The rules of one grant type."""

    async def __call__(self, request: TokenRequest, /) -> Prepared:
        """Verify the evidence of ``request`` and consume nothing."""
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
        lifetime: seconds, or ``None`` when the caller decides.
        bindable: whether ``cnf`` may be added.
    """

    name: str
    typ: str
    claim_names: frozenset[str]
    token_type: str = ""
    lifetime: int | None = None
    bindable: bool = True

    def claims(self) -> tuple[Claim, ...]:
        """Own the name and the ``typ``."""
        return (Claim("token profile", self.name), Claim("token typ", self.typ))


@dataclass(frozen=True, kw_only=True)
class AccessTokenFormat(Contribution):
    """How access tokens for a resource look: ``jwt``, ``opaque``.

    Args:
        name: value of ``ResourceServer.token_format``.
        build: makes the encoder; it gets the claims that the issuance collected.
    """

    name: str
    build: Callable[["Issuer"], Callable[[Issuance, dict[str, Any]], str]]

    def claims(self) -> tuple[Claim, ...]:
        """Own the format."""
        return (Claim("access token format", self.name),)


@dataclass(frozen=True, kw_only=True)
class TokenContribution(Contribution):
    """Claims that a feature adds to tokens of a profile.

    Args:
        names: the claims that it owns there.
        contribute: gives them; runs inside issuance, after the claim was won.
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
    """

    names: frozenset[str]
    build: Callable[["Issuer"], Callable[[Issuance], Awaitable[Mapping[str, Any]]]]
    profile: str = "access_token"

    def claims(self) -> tuple[Claim, ...]:
        """Own the claims within the profile."""
        return tuple(Claim(f"claim of {self.profile}", name) for name in sorted(self.names))


@dataclass(frozen=True, kw_only=True)
class TokenResponseMember(Contribution):
    """Members and headers that a feature adds to successful token responses.

    Args:
        names: the members that it owns.
        contribute: gives them.
    """

    names: frozenset[str]
    contribute: Callable[[TokenRequest, Issuance], Mapping[str, Any]]

    def claims(self) -> tuple[Claim, ...]:
        """Own the members."""
        return tuple(Claim("token response member", name) for name in sorted(self.names))


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


# --- The interaction ---


class Step(Protocol):
    """One step of the conversation with a person."""

    def needed(self, context: InteractionContext) -> bool:
        """Return whether the step has to run before the request can be decided."""
        ...

    async def present(self, context: InteractionContext) -> Challenge:
        """Return what to ask."""
        ...

    async def submit(self, context: InteractionContext, fields: Mapping[str, tuple[str, ...]]) -> StepResult:
        """Take an answer: form fields, or the members of a JSON message."""
        ...


@dataclass(frozen=True, kw_only=True)
class InteractionStep(Contribution):
    """A step of the interaction; steps run in ``order``.

    Args:
        silent_error: code of the error that answers ``prompt=none`` when the step would be needed.
    """

    name: str
    order: int
    build: Callable[["Issuer"], Step]
    silent_error: Literal["login_required", "consent_required", "interaction_required"] = "interaction_required"

    def claims(self) -> tuple[Claim, ...]:
        """Own the step's name."""
        return (Claim("interaction step", self.name),)


@dataclass(frozen=True, kw_only=True)
class SessionRule(Contribution):
    """A condition under which an existing session is enough (``prompt=login``, ``max_age``, a level of assurance).

    Args:
        name: for the log.
        satisfied: whether the session of the context will do; only asked when there is one.
    """

    name: str
    satisfied: Callable[[InteractionContext], bool]


class SignIn(Protocol):
    """One way to sign in."""

    def present(self, context: InteractionContext) -> object:
        """Return the view of this method's part of the sign-in page."""
        ...

    async def submit(self, context: InteractionContext, fields: Mapping[str, tuple[str, ...]]) -> Advance | Retry:
        """Check an answer; ``Advance`` carries the authentication."""
        ...


@dataclass(frozen=True, kw_only=True)
class SignInMethod(Contribution):
    """A way to sign in, shown on the sign-in page in ``order``."""

    name: str
    order: int
    build: Callable[["Issuer"], SignIn]

    def claims(self) -> tuple[Claim, ...]:
        """Own the method's name."""
        return (Claim("sign-in method", self.name),)


class Section(Protocol):
    """A part of the consent page."""

    def needed(self, context: InteractionContext) -> bool:
        """Return whether something in it was not yet decided."""
        ...

    def present(self, context: InteractionContext) -> tuple[ConsentContent, ...]:
        """Return what to show; empty when there is nothing."""
        ...

    def decide(self, context: InteractionContext, fields: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        """Read the person's choice from the form; the result is kept and later given to ``apply``."""
        ...

    def apply(self, context: InteractionContext, decision: dict[str, Any] | None, draft: GrantDraft) -> None:
        """Shape the grant by the decision; ``None`` when a remembered consent covers everything."""
        ...


@dataclass(frozen=True, kw_only=True)
class ConsentSection(Contribution):
    """A part of the consent page; sections appear in ``order``."""

    name: str
    order: int
    build: Callable[["Issuer"], Section]

    def claims(self) -> tuple[Claim, ...]:
        """Own the section's name."""
        return (Claim("consent section", self.name),)


# --- Records, lifecycle, upkeep ---


@dataclass(frozen=True, kw_only=True)
class RecordKind(Contribution):
    """A kind of ``FeatureRecord`` that the feature keeps.

    Args:
        kind: stored name.
        description: one sentence for the operator's documentation.
    """

    kind: str
    description: str

    def claims(self) -> tuple[Claim, ...]:
        """Own the kind."""
        return (Claim("record kind", self.kind),)


@dataclass(frozen=True, kw_only=True)
class LifecycleListener(Contribution):
    """Told when grants end, after the cascade wrote it.

    Args:
        build: makes the listener: identifiers of the ended grants and the reason.
    """

    name: str
    build: Callable[["Issuer"], Callable[[tuple[str, ...], str], Awaitable[None]]]


@dataclass(frozen=True, kw_only=True)
class PeriodicJob(Contribution):
    """Work that exactly one node does every so often, under a lease.

    Args:
        name: of the lease.
        seconds: between two runs.
        run: does the work for one issuer.
    """

    name: str
    seconds: int
    run: Callable[["Issuer"], Awaitable[None]]

    def claims(self) -> tuple[Claim, ...]:
        """Own the lease's name."""
        return (Claim("periodic job", self.name),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a doctor check found.

    Args:
        level: ``ok``, ``warning`` or ``error``.
        subject: what was looked at.
        text: the state in plain words.
        remedy: what to do, or empty.
    """

    level: Literal["ok", "warning", "error"]
    subject: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class DoctorCheck(Contribution):
    """A question that ``grantd doctor`` asks."""

    name: str
    run: Callable[["Issuer"], Awaitable[tuple[Finding, ...]]]

    def claims(self) -> tuple[Claim, ...]:
        """Own the check's name."""
        return (Claim("doctor check", self.name),)


@dataclass(frozen=True, kw_only=True)
class SettingsSection(Contribution):
    """Settings of a feature, under ``feature_settings.<feature>`` of an issuer.

    Args:
        feature: the feature's name.
        model: a frozen msgspec Struct that forbids unknown fields.
    """

    feature: str
    model: type

    def claims(self) -> tuple[Claim, ...]:
        """Own the section."""
        return (Claim("settings section", self.feature),)


@dataclass(frozen=True, kw_only=True)
class AuditEventTypes(Contribution):
    """Types of audit events that a feature writes, with one sentence each."""

    types: Mapping[str, str] = field(default_factory=dict)

    def claims(self) -> tuple[Claim, ...]:
        """Own the types."""
        return tuple(Claim("audit event type", name) for name in sorted(self.types))
