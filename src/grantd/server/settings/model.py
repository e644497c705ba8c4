"""The tree of settings. Durations are whole seconds, sizes are bytes unless the name says otherwise."""

from typing import Any, Literal

from msgspec import Struct, field


class LimitSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the edge lets in."""

    header_count: int = 64
    header_bytes: int = 16_384
    target_bytes: int = 8_192
    """Longest request target (path and query)."""
    body_bytes: int = 65_536
    header_seconds: float = 10.0
    """From the first byte of a request to the end of its headers."""
    body_seconds: float = 20.0
    keep_alive_seconds: float = 75.0
    parameter_count: int = 64
    parameter_bytes: int = 8_192
    """Longest value of one parameter."""
    connections: int = 10_000
    drain_seconds: float = 15.0
    """How long open requests may finish after SIGTERM."""


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the server listens and whom it believes."""

    host: str = "127.0.0.1"
    port: int = 9400
    trusted_proxies: tuple[str, ...] = ()
    """Networks whose ``X-Forwarded-For`` tells the client's address; nothing else of theirs is believed."""
    limits: LimitSettings = field(default_factory=LimitSettings)


class StoreSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The database: ``sqlite:PATH`` or ``memory:`` (forgets everything at exit)."""

    url: str = "sqlite:grantd.sqlite3"
    synchronous: Literal["full", "normal"] = "full"
    """``normal`` may lose the last second at power loss; never claims twice."""
    group_size: int = 64
    clean_up_seconds: int = 60
    clean_up_rows: int = 500


class SecretSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The key that seals private keys and derives the keys of refresh and opaque tokens."""

    sealing_key: str = ""
    """32 bytes as base64url; wins over the file."""
    sealing_key_file: str = ""
    """A file of mode 0600 or stricter with the same content."""


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Structured logs on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"
    access: Literal["all", "errors", "none"] = "errors"
    """Which requests get a line; ``all`` costs about a tenth of a token request's CPU time."""


class MetricsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prometheus metrics on a port of their own; port 0 switches the listener off."""

    host: str = "127.0.0.1"
    port: int = 0


class AuditSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The audit log."""

    flush_seconds: float = 0.2
    retention_days: int = 400


class ThrottleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Failures that a client or a sign-in form may produce before answers turn into 429."""

    client_failures: int = 20
    client_window: int = 60
    sign_in_failures: int = 10
    sign_in_window: int = 300


class Lifetimes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long things live, in seconds."""

    access_token: int = 300
    authorization_code: int = 60
    interaction: int = 1_800
    refresh_token: int = 2_592_000
    """Absolute end of a refresh token family of a confidential client."""
    refresh_token_idle: int = 1_209_600
    refresh_token_public: int = 604_800
    """Absolute end of a family of a public client; rotation never moves it."""
    refresh_token_public_idle: int = 86_400
    refresh_overlap: int = 10
    """How long the direct predecessor of an unused refresh token still gets that same successor; 0 is off."""


class SessionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sign-in sessions."""

    lifetime: int = 43_200
    idle: int = 7_200
    end_grants_on_sign_out: Literal["none", "public", "all"] = "public"
    """Whose refresh tokens a sign-out ends (OA21-107, OA21-149)."""


class KeySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Signing keys."""

    algorithms: tuple[Literal["ES256", "EdDSA", "RS256"], ...] = ("ES256", "RS256")
    """The first one signs by default; keys of all of them are published."""
    rotate_seconds: int = 7_776_000
    publish_seconds: int = 600
    """How long a key is published before it signs; at least the key set's max-age plus ten seconds."""
    jwks_max_age: int = 300
    rsa_bits: int = 2048


class ClientDefaults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for clients that say nothing else."""

    default_scope: str = ""
    """Scope of requests that name none; empty answers them ``invalid_scope``."""
    require_resource: bool = False
    """Answer ``invalid_target`` to requests without ``resource`` (RI-07)."""
    resource_in_token_response: bool = True
    refresh_rotation: bool = True


class IssuerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One issuer (tenant): its identifier is a configured string, never built from a request."""

    issuer: str
    """https URL without query and fragment; http is allowed for loopback hosts only."""
    name: str = ""
    """What people see; the issuer's host when empty."""
    logo_uri: str = ""
    accent: str = ""
    """CSS colour of the brand, ``#rrggbb``."""
    hosts: tuple[str, ...] = ()
    """Further ``Host`` values (``internal:9400``) under which the same endpoints answer."""
    features: tuple[str, ...] | None = None
    """Names of the features of this deployment; ``None`` means every stable one."""
    service_documentation: str = ""
    op_policy_uri: str = ""
    op_tos_uri: str = ""
    protected_resources: tuple[str, ...] = ()
    """Resource identifiers to publish in the metadata (RFC 9728 section 4); empty keeps them private."""
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    sessions: SessionSettings = field(default_factory=SessionSettings)
    keys: KeySettings = field(default_factory=KeySettings)
    clients: ClientDefaults = field(default_factory=ClientDefaults)
    throttle: ThrottleSettings = field(default_factory=ThrottleSettings)
    feature_settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings of features, by feature name; each feature checks its own."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an operator can set."""

    issuers: tuple[IssuerSettings, ...]
    server: ServerSettings = field(default_factory=ServerSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    secrets: SecretSettings = field(default_factory=SecretSettings)
    log: LogSettings = field(default_factory=LogSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    drafts: dict[str, str] = field(default_factory=dict)
    """Draft features that are on, with the version that the operator expects: ``{"feature": "-02"}``."""
