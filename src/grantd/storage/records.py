"""What the server keeps. Every record carries its issuer; every time is whole seconds since the Unix epoch.

Records are immutable. Those with a ``version`` are changed by compare-and-set: write the successor with the version
that was read, and the store refuses when somebody else was first.
"""

from typing import Any, Literal

from msgspec import Struct, field


class SecretHash(Struct, frozen=True, kw_only=True):
    """A credential that this server generated, kept as its SHA-256 (what people choose goes through argon2id)."""

    sha256: bytes
    created_at: int
    expires_at: int | None = None
    label: str = ""


class ClientMetadata(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A client as it described itself; member names are those of RFC 7591 section 2, then ours."""

    client_name: str = ""
    client_uri: str = ""
    logo_uri: str = ""
    policy_uri: str = ""
    tos_uri: str = ""
    contacts: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ("authorization_code",)
    response_types: tuple[str, ...] = ("code",)
    response_modes: tuple[str, ...] = ()
    token_endpoint_auth_method: str = "client_secret_basic"
    application_type: Literal["web", "native"] = "web"
    scope: str = ""
    """Scopes that the client may ask for; empty means every scope that its resources offer."""
    default_scope: str = ""
    """Scope of a request that names none (OAuth 2.1 section 1.4.1); empty means the issuer's default."""
    default_resource: str = ""
    jwks: dict[str, Any] | None = None
    jwks_uri: str = ""
    # Policy of this deployment.
    first_party: bool = False
    """Run by the operator: consent may be remembered, or skipped with ``skip_consent``."""
    skip_consent: bool = False
    refresh_tokens: bool = True
    allowed_origins: tuple[str, ...] = ()
    """Origins of browser code beside those of the https redirect URIs (CORS)."""
    frame_ancestors: tuple[str, ...] = ()
    """Origins that may frame the sign-in and consent pages (OA21-153)."""
    accept_raw_basic_credentials: bool = False
    """Let HTTP Basic carry the credentials without form encoding (OA21-023)."""
    allow_sensitive_scopes: bool = False
    extensions: dict[str, Any] = field(default_factory=dict)
    """Members that features own, by their wire name."""


class Client(Struct, frozen=True, kw_only=True):
    """A client; how it came to be is stored, never inferred from its identifier."""

    issuer: str
    client_id: str
    metadata: ClientMetadata
    origin: Literal["registered", "dynamic", "metadata_document", "federation"] = "registered"
    status: Literal["active", "disabled"] = "active"
    secrets: tuple[SecretHash, ...] = ()
    version: int = 1
    created_at: int = 0
    updated_at: int = 0


class ResourceServer(Struct, frozen=True, kw_only=True):
    """A protected API: its identifiers, its scopes in words, and its own credentials."""

    issuer: str
    resource_server_id: str
    name: str
    identifiers: tuple[str, ...]
    """Values that ``resource`` may take and that go into ``aud`` as they are."""
    scopes: dict[str, str] = field(default_factory=dict)
    """Scope token to the words that complete "wants to …" on the consent page."""
    sensitive_scopes: tuple[str, ...] = ()
    default: bool = False
    """Audience of requests that name no resource and whose scopes belong to none."""
    token_format: Literal["jwt", "opaque"] = "jwt"
    access_token_lifetime: int | None = None
    """Seconds; ``None`` means the issuer's setting."""
    access_token_signing_alg: str = ""
    status: Literal["active", "disabled"] = "active"
    secrets: tuple[SecretHash, ...] = ()
    introspection_signed_response_alg: str = "RS256"
    introspection_encrypted_response_alg: str = ""
    introspection_encrypted_response_enc: str = ""
    jwks: dict[str, Any] | None = None
    version: int = 1
    created_at: int = 0
    updated_at: int = 0


class User(Struct, frozen=True, kw_only=True):
    """A person. ``user_id`` is the ``sub`` of tokens and never changes or returns."""

    issuer: str
    user_id: str
    username: str
    """As typed; unique within the issuer after NFKC and case folding."""
    name: str = ""
    email: str = ""
    password_hash: str = ""
    """An argon2 encoded hash, or empty when the person has no password."""
    status: Literal["active", "disabled"] = "active"
    extensions: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    created_at: int = 0
    updated_at: int = 0


class Session(Struct, frozen=True, kw_only=True):
    """A signed-in user agent. The identifier is the SHA-256 of the cookie's value."""

    issuer: str
    session_id: bytes
    user_id: str
    auth_time: int
    acr: str
    amr: tuple[str, ...]
    user_agent: str = ""
    created_at: int = 0
    last_seen_at: int = 0
    expires_at: int = 0


class Consent(Struct, frozen=True, kw_only=True):
    """What a user allowed a client, remembered for the next request."""

    issuer: str
    user_id: str
    client_id: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    details: dict[str, Any] = field(default_factory=dict)
    """Decisions that features own, by the name of their consent section."""
    granted_at: int = 0
    version: int = 1


class SessionView(Struct, frozen=True):
    """One read for the authorization endpoint: the live session, its active user, the consent for one client."""

    session: Session
    user: User
    consent: Consent | None


class Grant(Struct, frozen=True, kw_only=True):
    """An authorization: the one thing that all tokens of a flow point to. Ending it ends everything below it.

    A grant of the code flow starts ``pending`` and carries its authorization code (hashed); redeeming the code is the
    compare-and-set that makes it ``active``.
    """

    issuer: str
    grant_id: str
    """22 characters of base64url: time, then 80 random bits; a name and no secret."""
    grant_type: str
    client_id: str
    subject: str
    """The ``sub`` of tokens: the user's identifier, or ``client:`` and the client's."""
    user_id: str | None = None
    status: Literal["pending", "active", "ended"] = "active"
    session_id: bytes | None = None
    scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    authorization_details: tuple[dict[str, Any], ...] = ()
    acr: str = ""
    amr: tuple[str, ...] = ()
    auth_time: int | None = None
    confirmation: dict[str, Any] | None = None
    """The ``cnf`` that sender-constrained tokens carry."""
    actor: dict[str, Any] | None = None
    task: str | None = None
    consent: dict[str, Any] | None = None
    """Evidence of the decision: canonical text's digest and version, time, locale."""
    evidence: dict[str, Any] = field(default_factory=dict)
    """What features need again at redemption or issuance, by feature name."""
    redirect_uri: str = ""
    redirect_uri_sent: bool = False
    code_hash: bytes | None = None
    code_expires_at: int | None = None
    created_at: int = 0
    expires_at: int | None = None
    """When the record may leave; ``None`` while it lives as long as its refresh token family or standing use."""
    ended_at: int | None = None
    ended_reason: str = ""


class GrantView(Struct, frozen=True):
    """A grant with the liveness of those it depends on, read in one statement."""

    grant: Grant
    client_active: bool
    user_active: bool
    """True also when no user stands behind the grant."""

    @property
    def live(self) -> bool:
        """Whether tokens of this grant may be used: active, with an active client and user."""
        return self.grant.status == "active" and self.client_active and self.user_active


class RefreshFamily(Struct, frozen=True, kw_only=True):
    """All refresh tokens of one grant as a counter: only the token that names the current counter is live."""

    issuer: str
    family_id: str
    """22 characters of base64url: time, then 80 random bits; a name and no secret."""
    grant_id: str
    client_id: str
    counter: int = 0
    status: Literal["active", "ended"] = "active"
    rotated_at: int = 0
    idle_expires_at: int = 0
    expires_at: int = 0
    created_at: int = 0


class RefreshView(Struct, frozen=True):
    """A refresh token family with its grant, read in one statement."""

    family: RefreshFamily
    grant_view: GrantView


class StandingGrant(Struct, frozen=True):
    """State of a client and of the grant that its client-credentials tokens point to, read in one statement."""

    client_version: int
    client_active: bool
    grant_id: str | None
    """``None`` when there is none or it has ended."""


class TokenState(Struct, frozen=True):
    """Whether an access token's grant lives and the token itself was not revoked."""

    grant_live: bool
    revoked: bool


class Interaction(Struct, frozen=True, kw_only=True):
    """A conversation with a person that may be resumed: request snapshot and progress, owned by the pipeline."""

    issuer: str
    interaction_id: str
    user_agent_hash: bytes
    body: bytes
    expires_at: int
    version: int = 1


class SigningKeyRecord(Struct, frozen=True, kw_only=True):
    """A signing key; the private part is sealed."""

    issuer: str
    kid: str
    alg: str
    public_jwk: dict[str, Any]
    sealed_private_key: bytes
    created_at: int
    activate_at: int
    retire_at: int | None = None
    """From then on it signs no more."""
    expires_at: int | None = None
    """From then on it is no longer published: the last token that it signed is gone."""
    revoked_at: int | None = None
    version: int = 1


class AuditEvent(Struct, frozen=True, kw_only=True):
    """One line of the append-only log. ``node``, ``epoch``, ``sequence`` and the hashes are set by the writer."""

    issuer: str
    at: int
    type: str
    outcome: Literal["success", "failure"] = "success"
    actor: str = ""
    subject: str = ""
    client_id: str = ""
    correlation_id: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    node: str = ""
    epoch: str = ""
    sequence: int = 0
    previous_hash: bytes = b""
    hash: bytes = b""


class FeatureRecord(Struct, frozen=True, kw_only=True):
    """A record of a feature that brings no migration of its own."""

    issuer: str
    kind: str
    key: str
    body: bytes
    expires_at: int | None = None
    version: int = 1


class Lease(Struct, frozen=True):
    """The right to run a periodic job, with a fencing number that only grows."""

    name: str
    holder: str
    fence: int
    expires_at: int
