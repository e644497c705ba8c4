"""Endpoints, documents and what the metadata says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from grantd.server.extension.feature import Claim, Contribution
from grantd.server.http.routes import Handler, StaticEntity

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


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
        client_authentication: publish ``<metadata member>_auth_methods_supported`` and the algorithms.
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
            if self.client_authentication:
                owned.extend(Claim("metadata member", name) for name in self.authentication_members)
        return tuple(owned)

    @property
    def authentication_members(self) -> tuple[str, str]:
        """Metadata members that tell the authentication methods and the algorithms of their signatures."""
        prefix = self.metadata_member
        return f"{prefix}_auth_methods_supported", f"{prefix}_auth_signing_alg_values_supported"


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
