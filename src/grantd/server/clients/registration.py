"""What a client has to be to be registered, by whichever road it comes (command line, seed file)."""

import secrets
from collections.abc import Mapping

from grantd.core.errors import InvalidScopeError
from grantd.core.redirect_uris import check_redirect_uri
from grantd.core.scopes import parse_scope
from grantd.core.uris import origin_of
from grantd.server.clients.authentication import hash_secret
from grantd.server.extension import Registry
from grantd.server.extension.points import (
    ClientAuthenticationMethod,
    ClientMetadataMember,
    GrantType,
    ResponseMode,
    ResponseType,
)
from grantd.storage.records import ClientMetadata, SecretHash

SHORTEST_SECRET = 32
"""Characters of a secret that somebody brings along; ours have 43 and 256 random bits."""

SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post"})

_LONGEST_CLIENT_ID = 255


class ClientMetadataError(ValueError):
    """The metadata cannot be registered.

    Args:
        problems: one sentence each: which member, what is wrong, what would be right.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def check_client_id(client_id: str) -> str | None:
    """Return what is wrong with a client identifier (OAuth 2.1 appendix A: VSCHAR), or ``None``."""
    if not client_id:
        return "client_id is empty"
    if len(client_id) > _LONGEST_CLIENT_ID:
        return f"client_id has more than {_LONGEST_CLIENT_ID} characters"
    if not (client_id.isascii() and client_id.isprintable()):
        return "client_id holds characters other than printable ASCII"
    return None


def check_metadata(metadata: ClientMetadata, registry: Registry) -> None:
    """Refuse metadata that the installed features could not honour.

    Raises:
        ClientMetadataError: lists every problem.
    """
    problems = [
        *_check_redirect_uris(metadata),
        *_check_known(metadata, registry),
        *_check_scopes(metadata),
        *_check_origins("allowed_origins", metadata.allowed_origins),
        *_check_origins("frame_ancestors", metadata.frame_ancestors),
        *_check_extensions(metadata, registry),
    ]
    if problems:
        raise ClientMetadataError(problems)


def _check_redirect_uris(metadata: ClientMetadata) -> list[str]:
    problems = []
    # OAuth 2.1 section 2.3.1: complete redirect URIs of every client that is redirected to.
    if "authorization_code" in metadata.grant_types and not metadata.redirect_uris:
        problems.append("redirect_uris: the grant type authorization_code needs at least one redirect URI")
    for uri in metadata.redirect_uris:
        problem = check_redirect_uri(uri, application_type=metadata.application_type)
        if problem is not None:
            problems.append(f"redirect_uris: {uri!r} {problem}")
    return problems


def _check_known(metadata: ClientMetadata, registry: Registry) -> list[str]:
    problems: list[str] = []
    known = {
        "grant_types": (metadata.grant_types, {grant.name for grant in registry.of(GrantType)}),
        "response_types": (metadata.response_types, {kind.name for kind in registry.of(ResponseType)}),
        "response_modes": (metadata.response_modes, {mode.name for mode in registry.of(ResponseMode)}),
    }
    for member, (values, allowed) in known.items():
        if member == "response_types" and "authorization_code" not in metadata.grant_types:
            continue
        problems.extend(
            f"{member}: {value!r} is not offered here; offered are {', '.join(sorted(allowed))}"
            for value in values
            if value not in allowed
        )
    method = metadata.token_endpoint_auth_method
    methods = {m.name for m in registry.of(ClientAuthenticationMethod)}
    if method not in methods:
        problems.append(
            f"token_endpoint_auth_method: {method!r} is not offered here; offered are {', '.join(sorted(methods))}"
        )
    if method == "none":
        # OAuth 2.1 section 4.2: public clients cannot act for themselves.
        problems.extend(
            f"grant_types: {grant.name} needs a client that authenticates; choose another token_endpoint_auth_method"
            for grant in registry.of(GrantType)
            if not grant.public_clients and grant.name in metadata.grant_types
        )
    return problems


def _check_scopes(metadata: ClientMetadata) -> list[str]:
    problems = []
    for member, value in (("scope", metadata.scope), ("default_scope", metadata.default_scope)):
        if value:
            try:
                parse_scope(value)
            except InvalidScopeError as error:
                problems.append(f"{member}: {error.description}")
    allowed = set(metadata.scope.split())
    if allowed and not set(metadata.default_scope.split()) <= allowed:
        problems.append("default_scope: is more than scope allows")
    return problems


def _check_origins(member: str, origins: tuple[str, ...]) -> list[str]:
    return [
        f"{member}: {origin!r} is no origin; write it like https://app.example"
        for origin in origins
        if origin_of(origin) != origin
    ]


def _check_extensions(metadata: ClientMetadata, registry: Registry) -> list[str]:
    checks = {member.name: member.check for member in registry.of(ClientMetadataMember)}
    problems = []
    for name, value in metadata.extensions.items():
        if name not in checks:
            problems.append(f"{name}: no installed feature knows this member")
        elif (problem := checks[name](value)) is not None:
            problems.append(f"{name}: {problem}")
    return problems


def client_origins(metadata: ClientMetadata) -> Mapping[str, None]:
    """Return the origins whose browser code belongs to a client: of its https redirect URIs, and those it lists."""
    origins = (origin_of(uri) for uri in metadata.redirect_uris)
    return dict.fromkeys([*(o for o in origins if o and o.startswith("https://")), *metadata.allowed_origins])


def new_secret(now: int, *, label: str = "") -> tuple[str, SecretHash]:
    """Return a fresh secret of 256 bits, to be shown once, and what is kept of it."""
    secret = secrets.token_urlsafe(32)
    return secret, SecretHash(sha256=hash_secret(secret), created_at=now, label=label)


def given_secret(secret: str, now: int, *, label: str = "") -> SecretHash:
    """Return what is kept of a secret that the operator brings along.

    Raises:
        ValueError: it is too short to be a generated one.
    """
    if len(secret) < SHORTEST_SECRET or len(set(secret)) < SHORTEST_SECRET // 4:
        raise ValueError(f"a client secret needs {SHORTEST_SECRET} random characters; leave it out to have one made")
    return SecretHash(sha256=hash_secret(secret), created_at=now, label=label)
