"""Clients: how they are found, described and believed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from grantd.server.extension.feature import Claim, Contribution
from grantd.server.http.forms import Parameters
from grantd.server.http.messages import Request
from grantd.storage.records import Client, SecretHash

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


class Credentials(Struct, frozen=True, kw_only=True):
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


class Party(Struct, frozen=True, kw_only=True):
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
        reads_authorization: whether it reads the ``Authorization`` header; beside any other method that header is a
            second attempt.
        signing_algorithms: for JWT methods, what ``…_auth_signing_alg_values_supported`` lists.
    """

    name: str
    parameters: frozenset[str]
    find: Callable[[Request, Parameters], tuple[Credentials, ...]]
    build: Callable[["Issuer"], ClientAuthenticator]
    reads_authorization: bool = False
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
