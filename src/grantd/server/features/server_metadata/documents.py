"""Composing the documents at start."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from grantd.core.issuers import well_known_paths
from grantd.server.extension import CompositionError
from grantd.server.extension.points import (
    ClientAuthenticationMethod,
    Document,
    Endpoint,
    GrantType,
    Metadata,
    ResponseMode,
    ResponseType,
)
from grantd.server.http.routes import StaticEntity
from grantd.server.pipeline.targets import ResourceIndex

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_METADATA_MAX_AGE = 300


def metadata_paths(issuer: "Issuer") -> tuple[str, ...]:
    """Return the paths of both documents in both forms (RFC 8414 sections 3.1 and 5)."""
    found: list[str] = []
    for suffix in ("oauth-authorization-server", "openid-configuration"):
        found.extend(well_known_paths(issuer.identifier, suffix))
    return tuple(dict.fromkeys(found))


def key_set_paths(issuer: "Issuer") -> tuple[str, ...]:
    """Return the path of the key set."""
    return (f"{issuer.base_path}/jwks",)


OWN_MEMBERS = frozenset(
    {
        "issuer",
        "scopes_supported",
        "response_types_supported",
        "response_modes_supported",
        "grant_types_supported",
        "service_documentation",
        "op_policy_uri",
        "op_tos_uri",
        "protected_resources",
    }
)


def own_members(issuer: "Issuer") -> Mapping[str, object]:
    """Return the members that follow from the issuer's settings and from what is installed at all."""
    registry, settings = issuer.registry, issuer.settings
    return {
        "issuer": issuer.identifier,
        "scopes_supported": list(issuer.resources.scopes),
        "response_types_supported": [response_type.name for response_type in registry.of(ResponseType)],
        "response_modes_supported": [mode.name for mode in registry.of(ResponseMode)],
        "grant_types_supported": [grant_type.name for grant_type in registry.of(GrantType)],
        "service_documentation": settings.service_documentation,
        "op_policy_uri": settings.op_policy_uri,
        "op_tos_uri": settings.op_tos_uri,
        "protected_resources": list(settings.protected_resources),
    }


def compose(issuer: "Issuer") -> dict[str, object]:
    """Compose the metadata from the installed features (RFC 8414 section 2).

    Raises:
        CompositionError: a feature gives a member that it does not own.
    """
    registry = issuer.registry
    document: dict[str, object] = {"issuer": issuer.identifier}
    for endpoint in registry.of(Endpoint):
        if endpoint.metadata_member:
            document[endpoint.metadata_member] = issuer.url(endpoint.name)
    for other in registry.of(Document):
        if other.metadata_member:
            document[other.metadata_member] = issuer.url(other.name)
    methods = registry.of(ClientAuthenticationMethod)
    algorithms = list(dict.fromkeys(alg for method in methods for alg in method.signing_algorithms))
    for endpoint in registry.of(Endpoint):
        if endpoint.client_authentication:
            supported, signing = endpoint.authentication_members
            # Introspection needs real authentication: none is no method there.
            document[supported] = [m.name for m in methods if m.name != "none" or endpoint.name != "introspection"]
            document[signing] = algorithms
    for metadata in registry.of(Metadata):
        members = metadata.members(issuer)
        if not members.keys() <= metadata.names:
            raise CompositionError(f"metadata members {sorted(members.keys() - metadata.names)} are given by no owner")
        document.update(members)
    # OpenID Connect Discovery section 3: left out it would mean true; a feature that fetches request objects says so.
    document.setdefault("request_uri_parameter_supported", False)
    # RFC 8414 section 3.2: members with zero elements are left out; response_types_supported is required.
    return {
        name: value
        for name, value in document.items()
        if name == "response_types_supported" or not (value is None or (isinstance(value, list | str) and not value))
    }


def build_metadata(issuer: "Issuer") -> Callable[[], StaticEntity]:
    """Return what gives the current metadata; composed again when the resources (and so the scopes) change."""

    def prepare(resources: ResourceIndex) -> tuple[ResourceIndex, StaticEntity]:
        return resources, StaticEntity.of(msgspec.json.encode(compose(issuer)), max_age=_METADATA_MAX_AGE)

    state = prepare(issuer.resources)

    def current() -> StaticEntity:
        nonlocal state
        if state[0] is not issuer.resources:
            state = prepare(issuer.resources)
        return state[1]

    return current


def build_key_set(issuer: "Issuer") -> Callable[[], StaticEntity]:
    """Return what gives the current key set; the key ring makes the bytes when keys change."""
    keys, max_age = issuer.keys, issuer.settings.keys.jwks_max_age

    def prepare(body: bytes) -> tuple[bytes, StaticEntity]:
        return body, StaticEntity.of(body, content_type="application/jwk-set+json", max_age=max_age)

    state = prepare(keys.jwks)

    def current() -> StaticEntity:
        nonlocal state
        body = keys.jwks
        if state[0] is not body:
            state = prepare(body)
        return state[1]

    return current
