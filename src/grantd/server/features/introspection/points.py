"""The extension point that introspection opens: other forms of its answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grantd.server.extension import Claim, Contribution
from grantd.storage.records import ResourceServer

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a resource server, or a client about its own refresh token."""

    identifier: str
    resource_server: ResourceServer | None


@dataclass(frozen=True, kw_only=True)
class IntrospectionFormat(Contribution):
    """A media type that an introspection answer may have.

    Args:
        media_type: what ``Accept`` names and ``Content-Type`` says.
        build: makes the writer: from the caller and the members of the plain answer.
    """

    media_type: str
    build: Callable[["Issuer"], Callable[[Caller, dict[str, Any]], bytes]]

    def claims(self) -> tuple[Claim, ...]:
        """Own the media type."""
        return (Claim("introspection media type", self.media_type),)
