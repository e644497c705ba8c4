"""Records, lifecycle, periodic work, settings, doctor checks, audit events."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from grantd.server.extension.feature import Claim, Contribution
from grantd.storage.records import Lease

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


@dataclass(frozen=True, kw_only=True)
class RecordKind(Contribution):
    """A kind of ``FeatureRecord`` that the feature keeps.

    Args:
        kind: stored name.
        description: one sentence for the operator's documentation.
    """

    kind: str
    description: str

    def claims(self) -> tuple[Claim, ...]:
        """Own the kind."""
        return (Claim("record kind", self.kind),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What just ended, for good.

    Args:
        grants: identifiers of ended grants; every token of theirs ended with them.
        tokens: ``jti`` of access tokens that were revoked alone, while their grants live.
        reason: as in the audit log.
    """

    grants: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    reason: str


@dataclass(frozen=True, kw_only=True)
class LifecycleListener(Contribution):
    """Told when grants end or single tokens are revoked, after the store has it.

    What it does is not part of that transaction, and a process may die in between: a listener makes things quick, a
    ``PeriodicJob`` that looks at the store makes them certain.

    Args:
        name: for the log.
        build: makes the listener.
    """

    name: str
    build: Callable[["Issuer"], Callable[[Ending], Awaitable[None]]]


@dataclass(frozen=True, kw_only=True)
class PeriodicJob(Contribution):
    """Work that exactly one node does every so often, under a lease.

    Args:
        name: of the lease.
        seconds: between two runs.
        run: does the work for one issuer; ``Lease.fence`` grows whenever another node takes over, so a record that
            keeps the number refuses what a node writes that lost its lease without noticing.
    """

    name: str
    seconds: int
    run: Callable[["Issuer", Lease], Awaitable[None]]

    def claims(self) -> tuple[Claim, ...]:
        """Own the lease's name."""
        return (Claim("periodic job", self.name),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a doctor check found.

    Args:
        level: ``ok``, ``warning`` or ``error``.
        subject: what was looked at.
        text: the state in plain words.
        remedy: what to do, or empty.
    """

    level: Literal["ok", "warning", "error"]
    subject: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class DoctorCheck(Contribution):
    """A question that ``grantd doctor`` asks."""

    name: str
    run: Callable[["Issuer"], Awaitable[tuple[Finding, ...]]]

    def claims(self) -> tuple[Claim, ...]:
        """Own the check's name."""
        return (Claim("doctor check", self.name),)


@dataclass(frozen=True, kw_only=True)
class SettingsSection(Contribution):
    """Settings of a feature, under ``feature_settings.<feature>`` of an issuer; ``Issuer.feature_settings`` has them.

    Args:
        feature: the feature's name.
        model: a frozen msgspec Struct that forbids unknown fields; its ``__post_init__`` may raise ``ValueError``.
    """

    feature: str
    model: type

    def claims(self) -> tuple[Claim, ...]:
        """Own the section."""
        return (Claim("settings section", self.feature),)


@dataclass(frozen=True, kw_only=True)
class AuditEventTypes(Contribution):
    """Types of audit events that a feature writes, with one sentence each."""

    types: Mapping[str, str] = field(default_factory=dict)

    def claims(self) -> tuple[Claim, ...]:
        """Own the types."""
        return tuple(Claim("audit event type", name) for name in sorted(self.types))
