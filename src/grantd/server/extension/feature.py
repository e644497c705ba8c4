"""A feature and its contributions."""

from dataclasses import dataclass

from grantd.core.specification import Specification


class CompositionError(Exception):
    """The installed features do not fit together; the server does not start. ``args[0]`` tells what to change."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A name on the wire that only one feature may own: ``Claim("grant type", "refresh_token")``."""

    kind: str
    name: str


class Contribution:
    """Base of every extension point. Subclasses are frozen dataclasses."""

    def claims(self) -> tuple[Claim, ...]:
        """Return the names that this contribution owns; two owners of one name stop the server at start."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One specification's room.

    Args:
        name: how the configuration names it, in snake case.
        specification: the text that it implements.
        summary: one sentence for the documentation.
        contributions: what it adds to the server, by extension point.
        requires: names of features without which it makes no sense.
        default: whether it is on when the configuration lists no features.
    """

    name: str
    specification: Specification
    summary: str
    contributions: tuple[Contribution, ...]
    requires: tuple[str, ...] = ()
    default: bool = True
