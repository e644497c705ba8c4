"""The conversation with a person."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from grantd.server.extension.feature import Claim, Contribution
from grantd.server.pipeline.model import (
    Advance,
    Challenge,
    ConsentContent,
    GrantDraft,
    InteractionContext,
    Retry,
    StepResult,
)

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


class Step(Protocol):
    """One step of the conversation with a person."""

    def needed(self, context: InteractionContext) -> bool:
        """Return whether the step has to run before the request can be decided."""
        ...

    async def present(self, context: InteractionContext) -> Challenge:
        """Return what to ask."""
        ...

    async def submit(self, context: InteractionContext, fields: Mapping[str, tuple[str, ...]]) -> StepResult:
        """Take an answer: form fields, or the members of a JSON message."""
        ...


@dataclass(frozen=True, kw_only=True)
class InteractionStep(Contribution):
    """A step of the interaction; steps run in ``order``.

    Args:
        silent_error: code of the error that answers ``prompt=none`` when the step would be needed.
    """

    name: str
    order: int
    build: Callable[["Issuer"], Step]
    silent_error: Literal["login_required", "consent_required", "interaction_required"] = "interaction_required"

    def claims(self) -> tuple[Claim, ...]:
        """Own the step's name."""
        return (Claim("interaction step", self.name),)


@dataclass(frozen=True, kw_only=True)
class SessionRule(Contribution):
    """A condition under which an existing session is enough (``prompt=login``, ``max_age``, a level of assurance).

    Args:
        name: for the log.
        satisfied: whether the session of the context will do; only asked when there is one.
    """

    name: str
    satisfied: Callable[[InteractionContext], bool]


class SignIn(Protocol):
    """One way to sign in."""

    def present(self, context: InteractionContext) -> object:
        """Return the view of this method's part of the sign-in page."""
        ...

    async def submit(self, context: InteractionContext, fields: Mapping[str, tuple[str, ...]]) -> Advance | Retry:
        """Check an answer; ``Advance`` carries the authentication."""
        ...


@dataclass(frozen=True, kw_only=True)
class SignInMethod(Contribution):
    """A way to sign in, shown on the sign-in page in ``order``."""

    name: str
    order: int
    build: Callable[["Issuer"], SignIn]

    def claims(self) -> tuple[Claim, ...]:
        """Own the method's name."""
        return (Claim("sign-in method", self.name),)


class Section(Protocol):
    """A part of the consent page."""

    def needed(self, context: InteractionContext) -> bool:
        """Return whether something in it was not yet decided."""
        ...

    def present(self, context: InteractionContext) -> tuple[ConsentContent, ...]:
        """Return what to show; empty when there is nothing."""
        ...

    def decide(self, context: InteractionContext, fields: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        """Read the person's choice from the form; the result is kept and later given to ``apply``."""
        ...

    def apply(self, context: InteractionContext, decision: dict[str, Any] | None, draft: GrantDraft) -> None:
        """Shape the grant by the decision; ``None`` when a remembered consent covers everything."""
        ...


@dataclass(frozen=True, kw_only=True)
class ConsentSection(Contribution):
    """A part of the consent page; sections appear in ``order``."""

    name: str
    order: int
    build: Callable[["Issuer"], Section]

    def claims(self) -> tuple[Claim, ...]:
        """Own the section's name."""
        return (Claim("consent section", self.name),)
