"""The tree of a seed file."""

from typing import Any, Literal

from msgspec import Struct, field

from grantd.storage.records import ClientMetadata


class SeedClient(ClientMetadata, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A client: the members of its metadata, and how it is known."""

    issuer: str = ""
    """May be left out where there is one issuer only."""
    client_id: str
    client_secret: str = ""
    """32 random characters at least; made and shown once when a new client needs one."""
    secret: str = ""
    """Another name of ``client_secret``."""
    status: Literal["active", "disabled"] = "active"


class SeedResourceServer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A protected API."""

    issuer: str = ""
    resource_server_id: str = ""
    id: str = ""
    """Another name of ``resource_server_id``."""
    name: str = ""
    identifiers: tuple[str, ...]
    scopes: dict[str, str] = field(default_factory=dict)
    sensitive_scopes: tuple[str, ...] = ()
    default: bool = False
    token_format: Literal["jwt", "opaque"] = "jwt"
    access_token_lifetime: int | None = None
    access_token_signing_alg: str = ""
    status: Literal["active", "disabled"] = "active"
    secret: str = ""
    """32 random characters at least; made and shown once for a new API."""
    introspection_signed_response_alg: str = "RS256"
    introspection_encrypted_response_alg: str = ""
    introspection_encrypted_response_enc: str = ""
    jwks: dict[str, Any] | None = None


class SeedUser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person, with at most one of the three ways to give a password."""

    issuer: str = ""
    username: str
    name: str = ""
    email: str = ""
    status: Literal["active", "disabled"] = "active"
    password: str = ""
    password_hash: str = ""
    """An argon2id encoded hash."""
    password_file: str = ""
    """A file that holds the password, relative to the seed file."""


class SeedFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything in one file."""

    resource_servers: tuple[SeedResourceServer, ...] = ()
    clients: tuple[SeedClient, ...] = ()
    users: tuple[SeedUser, ...] = ()
