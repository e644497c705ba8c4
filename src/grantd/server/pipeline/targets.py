"""Scopes and resources: what may be asked, what a grant covers, and where one access token may be used.

RFC 8707 decides on ``resource``; RFC 9068 section 3 on the audience of requests that name none.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from grantd.core.errors import InvalidScopeError, InvalidTargetError
from grantd.core.uris import check_resource
from grantd.server.pipeline.model import TokenPlan
from grantd.storage.records import Client, ResourceServer


class ResourceIndex:
    """The resource servers of an issuer, indexed at load.

    Args:
        servers: all records; disabled ones are left out.
        free_scopes: scopes that belong to features instead of resources.
    """

    def __init__(self, servers: Iterable[ResourceServer], free_scopes: frozenset[str] = frozenset()) -> None:
        self.servers = tuple(server for server in servers if server.status == "active")
        self.free_scopes = free_scopes
        self.by_identifier = {identifier: server for server in self.servers for identifier in server.identifiers}
        self.by_scope: dict[str, tuple[ResourceServer, ...]] = {}
        for server in self.servers:
            for scope in server.scopes:
                self.by_scope[scope] = (*self.by_scope.get(scope, ()), server)
        self.sensitive = frozenset(scope for server in self.servers for scope in server.sensitive_scopes)
        defaults = [server for server in self.servers if server.default]
        self.default = defaults[0] if defaults else (self.servers[0] if len(self.servers) == 1 else None)

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope that may be asked for, sorted."""
        return tuple(sorted(self.by_scope.keys() | self.free_scopes))

    def words(self, scope: str, server: ResourceServer) -> str:
        """Return the words of a scope at a resource server, or the scope itself where the operator gave none."""
        return server.scopes.get(scope, "") or scope


@dataclass(frozen=True, slots=True)
class Target:
    """Scopes and resources that an authorization request comes down to."""

    scopes: tuple[str, ...]
    resources: tuple[str, ...]


def check_resources(index: ResourceIndex, requested: tuple[str, ...]) -> None:
    """Refuse resources that are malformed or unknown.

    Raises:
        InvalidTargetError: RFC 8707 section 2.
    """
    for resource in requested:
        if resource in index.by_identifier:
            continue
        problem = check_resource(resource)
        if problem:
            raise InvalidTargetError(f"resource {problem}", detail=resource)
        raise InvalidTargetError(
            "resource is not known to this server; ask its operator to register that exact identifier", detail=resource
        )


def check_scopes(index: ResourceIndex, client: Client, scopes: tuple[str, ...]) -> None:
    """Refuse scopes that do not exist or that this client may not ask for.

    Raises:
        InvalidScopeError: names the scope.
    """
    allowed = frozenset(client.metadata.scope.split())
    for scope in scopes:
        if scope not in index.by_scope and scope not in index.free_scopes:
            raise InvalidScopeError(f"scope {scope} is not known to this server")
        # OAuth 2.1 section 7.9: a client asks for what it was registered for.
        if allowed and scope not in allowed:
            raise InvalidScopeError(f"scope {scope} is outside what this client is registered for")
        # OAuth 2.1 section 2.4: rights follow from how sure the server is of the client.
        sure = client.origin == "registered" or client.metadata.allow_sensitive_scopes
        if scope in index.sensitive and not sure:
            raise InvalidScopeError(f"scope {scope} is given only to clients that the operator has verified")


def default_scopes(client: Client, issuer_default: str) -> tuple[str, ...]:
    """Return the scopes of a request that names none.

    Raises:
        InvalidScopeError: OAuth 2.1 section 1.4.1, when there is no default.
    """
    scopes = tuple(dict.fromkeys((client.metadata.default_scope or issuer_default).split()))
    if not scopes:
        raise InvalidScopeError("scope is missing and this server has no default; name the scopes that you need")
    return scopes


def infer_resources(
    index: ResourceIndex, client: Client, scopes: tuple[str, ...], *, required: bool
) -> tuple[str, ...]:
    """Return the audience of a request without ``resource`` (RFC 9068 section 3).

    Raises:
        InvalidTargetError: a resource is required, or nothing points to one.
        InvalidScopeError: the scopes belong to different resources.
    """
    if required:
        raise InvalidTargetError("resource is required; name the API that the token is for")
    if client.metadata.default_resource in index.by_identifier:
        return (client.metadata.default_resource,)
    candidates: tuple[ResourceServer, ...] | None = None
    for scope in scopes:
        owners = index.by_scope.get(scope)
        if owners is None:
            continue
        candidates = owners if candidates is None else tuple(server for server in candidates if server in owners)
    if candidates is None:
        candidates = () if index.default is None else (index.default,)
        if not candidates:
            raise InvalidTargetError("resource is missing and this server has no default; name the API")
    if not candidates:
        raise InvalidScopeError("these scopes belong to different resources; name the resource or split the request")
    chosen = index.default if index.default in candidates else candidates[0]
    if len(candidates) > 1 and chosen is not index.default:
        raise InvalidTargetError("these scopes exist at several resources; name one with the resource parameter")
    return (chosen.identifiers[0],)


def plan_authorization(
    index: ResourceIndex,
    client: Client,
    *,
    scopes: tuple[str, ...] | None,
    resources: tuple[str, ...],
    issuer_default_scope: str,
    require_resource: bool,
) -> Target:
    """Decide what an authorization request asks for.

    Args:
        index: the issuer's resource servers.
        client: who asks.
        issuer_default_scope: scope of requests that name none, where the client has no default of its own.
        require_resource: whether ``resource`` may be left out.
        scopes: the parsed ``scope`` parameter, ``None`` when absent.
        resources: the ``resource`` parameters.

    Raises:
        InvalidScopeError: unknown scope, or outside the client's list, or missing without a default.
        InvalidTargetError: unknown resource, or none of the scopes has a meaning there.
    """
    if scopes is None:
        scopes = default_scopes(client, issuer_default_scope)
    check_scopes(index, client, scopes)
    if resources:
        check_resources(index, resources)
    else:
        resources = infer_resources(index, client, scopes, required=require_resource)
    servers = [index.by_identifier[resource] for resource in resources]
    # RFC 8707 section 2.2: scopes without meaning at any of the resources are narrowed away.
    meant = tuple(s for s in scopes if s in index.free_scopes or any(s in server.scopes for server in servers))
    if not meant:
        raise InvalidTargetError("none of the scopes exists at the requested resource")
    return Target(meant, tuple(dict.fromkeys(resources)))


def plan_token(
    index: ResourceIndex,
    client: Client,
    *,
    granted_scopes: tuple[str, ...],
    granted_resources: tuple[str, ...],
    scopes: tuple[str, ...] | None,
    resources: tuple[str, ...],
    require_resource: bool,
) -> TokenPlan:
    """Decide scopes and audience of one access token within a grant.

    Args:
        index: the issuer's resource servers.
        client: who asks.
        require_resource: whether ``resource`` may be left out.
        granted_scopes: the grant's scopes.
        granted_resources: the grant's resources; empty lets the scopes decide.
        scopes: the parsed ``scope`` parameter of the token request, ``None`` when absent.
        resources: its ``resource`` parameters.

    Raises:
        InvalidScopeError: more scope than granted.
        InvalidTargetError: a resource outside the grant, or an audience whose scopes would be ambiguous.
    """
    if scopes is None:
        scopes = granted_scopes
    elif not set(scopes) <= set(granted_scopes):
        # OAuth 2.1 section 4.3.1.
        raise InvalidScopeError("scope is more than was granted")
    if not resources:
        resources = granted_resources or infer_resources(index, client, scopes, required=require_resource)
    elif granted_resources and not set(resources) <= set(granted_resources):
        # RFC 8707 section 2.2.
        check_resources(index, resources)
        raise InvalidTargetError("resource was not part of the grant")
    else:
        check_resources(index, resources)
    if len(resources) == 1:
        server = index.by_identifier.get(resources[0])
        if server is None:
            raise InvalidTargetError("resource is no longer known to this server")
        free = index.free_scopes
        meant = tuple(s for s in scopes if s in server.scopes or s in free)
    else:
        server, meant = _shared_audience(index, scopes, resources)
    if not meant:
        raise InvalidTargetError("none of the granted scopes exists at the requested resource")
    return TokenPlan(scopes=meant, audience=resources, resource_server=server)


def _shared_audience(
    index: ResourceIndex, scopes: tuple[str, ...], resources: tuple[str, ...]
) -> tuple[ResourceServer, tuple[str, ...]]:
    servers = {}
    for resource in resources:
        server = index.by_identifier.get(resource)
        if server is None:
            raise InvalidTargetError("resource is no longer known to this server")
        servers[server.resource_server_id] = server
    distinct = tuple(servers.values())
    # RFC 9068 sections 3 and 5: no token whose scopes could be read in two ways.
    for scope in scopes:
        if sum(scope in server.scopes for server in distinct) > 1:
            raise InvalidTargetError(
                f"scope {scope} exists at several of the resources; ask for one resource at a time"
            )
    if len({server.token_format for server in distinct}) > 1:
        raise InvalidTargetError("these resources need tokens of different formats; ask for one resource at a time")
    meant = tuple(s for s in scopes if s in index.free_scopes or any(s in server.scopes for server in distinct))
    shortest = min(distinct, key=lambda server: server.access_token_lifetime or 2**31)
    return shortest, meant
