"""The consent step: collects the sections, keeps the evidence, remembers where that is safe."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from grantd.core.errors import AccessDeniedError
from grantd.server.extension.points import ConsentSection, Step
from grantd.server.features.consent.remembering import may_remember
from grantd.server.features.consent.scopes import NO_RESOURCE, scopes_by_resource
from grantd.server.pipeline.browser import client_view
from grantd.server.pipeline.model import Advance, Challenge, ConsentContent, InteractionContext, Retry, StepResult, Stop
from grantd.server.pipeline.pages import ConsentView
from grantd.server.pipeline.refresh import is_public, may_refresh
from grantd.storage.records import AuditEvent, Consent

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

TEXT_VERSION = 1
"""Version of the canonical text; raised whenever its making changes."""


def canonical_text(contents: tuple[ConsentContent, ...]) -> bytes:
    """Return what the person saw, in one form that can be hashed and signed."""
    return msgspec.json.encode(
        [
            [content.section, content.title, content.subtitle, [[item.value, item.text] for item in content.items]]
            for content in contents
        ]
    )


class ConsentStep:
    """Needed while a section has something undecided, or when the client asks for a new decision."""

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer
        self._sections = tuple(
            (section.name, section.build(issuer))
            for section in sorted(issuer.registry.of(ConsentSection), key=lambda section: section.order)
        )

    def needed(self, context: InteractionContext) -> bool:
        """Return whether the person has to decide."""
        request = context.state.request
        if request is None or "consent" in context.state.results:
            return False
        if "consent" in request.prompt:
            return True
        return any(section.needed(context) for _, section in self._sections)

    async def present(self, context: InteractionContext) -> Challenge:
        """Return the consent page."""
        state, session = context.state, context.session
        request = state.request
        if request is None or session is None:
            raise AccessDeniedError("there is nothing to decide")
        lifetimes = self._issuer.settings.lifetimes
        lasting = None
        if may_refresh(self._issuer, context.client):
            lasting = lifetimes.refresh_token_public if is_public(context.client) else lifetimes.refresh_token
        target = urlsplit(request.redirect_uri)
        return Challenge(
            step="consent",
            view=ConsentView(
                client=client_view(context.client, request.redirect_uri),
                user_name=session.user.name or session.user.username,
                username=session.user.username,
                contents=self._contents(context),
                lasting=lasting,
                access_token_lifetime=lifetimes.access_token,
                return_host=target.hostname or f"{target.scheme}:",
            ),
        )

    async def submit(self, context: InteractionContext, fields: Mapping[str, tuple[str, ...]]) -> StepResult:
        """Take the decision."""
        decision = "".join(fields.get("decision", ()))
        if decision == "deny":
            self._tell(context, "consent.denied", "failure", {})
            return Stop(AccessDeniedError("the person refused"))
        if decision != "allow":
            return Retry("form_incomplete")
        chosen = {name: section.decide(context, fields) for name, section in self._sections}
        if not chosen.get("scopes", {}).get("scopes"):
            return Retry("nothing_chosen")
        evidence = {
            "text_sha256": hashlib.sha256(canonical_text(self._contents(context))).hexdigest(),
            "text_version": TEXT_VERSION,
            "at": context.now,
        }
        self._tell(context, "consent.given", "success", {**chosen["scopes"], **evidence})
        await self._remember(context, chosen)
        return Advance(result={"sections": chosen, "evidence": evidence})

    def _contents(self, context: InteractionContext) -> tuple[ConsentContent, ...]:
        return tuple(content for _, section in self._sections for content in section.present(context))

    async def _remember(self, context: InteractionContext, chosen: dict[str, dict[str, Any]]) -> None:
        request, session = context.state.request, context.session
        if request is None or session is None or not may_remember(context.client, request.redirect_uri):
            return
        before = session.consent
        allowed = scopes_by_resource(self._issuer.resources, chosen["scopes"]["scopes"], request.resources)
        for resource, scopes in (before.details.get("scopes_by_resource", {}) if before else {}).items():
            allowed[resource] = list(dict.fromkeys((*scopes, *allowed.get(resource, ()))))
        # Losing the race to another decision costs one more question next time.
        await self._issuer.store.put_consent(
            Consent(
                issuer=self._issuer.identifier,
                user_id=session.user.user_id,
                client_id=context.client.client_id,
                scopes=tuple(dict.fromkeys(scope for scopes in allowed.values() for scope in scopes)),
                resources=tuple(resource for resource in allowed if resource != NO_RESOURCE),
                details={
                    **{name: decision for name, decision in chosen.items() if name != "scopes"},
                    "scopes_by_resource": allowed,
                },
                granted_at=context.now,
                version=before.version + 1 if before else 1,
            )
        )

    def _tell(self, context: InteractionContext, event: str, outcome: str, details: dict[str, Any]) -> None:
        user = context.session.user if context.session else None
        self._issuer.audit.record(
            AuditEvent(
                issuer=self._issuer.identifier,
                at=context.now,
                type=event,
                outcome="success" if outcome == "success" else "failure",
                actor=user.user_id if user else "",
                subject=user.user_id if user else "",
                client_id=context.client.client_id,
                correlation_id=context.correlation_id,
                details=details,
            )
        )


def build_consent_step(issuer: "Issuer") -> Step:
    """Return the step."""
    return ConsentStep(issuer)
