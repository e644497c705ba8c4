"""Turning a decision into a pending grant and its code."""

from typing import TYPE_CHECKING

from grantd.core.random import ordered_id
from grantd.server.extension.points import ResponseTypeHandler
from grantd.server.pipeline.model import GrantDraft
from grantd.server.pipeline.tokens import new_code
from grantd.storage.records import AuditEvent, Grant

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


def build_code_response(issuer: "Issuer") -> ResponseTypeHandler:
    """Return the handler of ``response_type=code``."""
    lifetime = issuer.settings.lifetimes.authorization_code

    async def respond(draft: GrantDraft) -> tuple[tuple[str, str], ...]:
        now = issuer.clock.now()
        grant_id = ordered_id()
        code, code_hash = new_code(grant_id)
        request, session = draft.request, draft.session.session
        await issuer.store.insert_grant(
            Grant(
                issuer=issuer.identifier,
                grant_id=grant_id,
                grant_type="authorization_code",
                client_id=draft.client.client_id,
                subject=draft.user.user_id,
                user_id=draft.user.user_id,
                status="pending",
                session_id=session.session_id,
                scopes=draft.scopes,
                resources=draft.resources,
                authorization_details=draft.authorization_details,
                acr=session.acr,
                amr=session.amr,
                auth_time=session.auth_time,
                consent=draft.consent,
                evidence=draft.evidence,
                redirect_uri=request.redirect_uri,
                redirect_uri_sent=request.redirect_uri_sent,
                code_hash=code_hash,
                code_expires_at=now + lifetime,
                created_at=now,
                # A code that nobody redeems leaves with its grant.
                expires_at=now + lifetime,
            )
        )
        issuer.audit.record(
            AuditEvent(
                issuer=issuer.identifier,
                at=now,
                type="grant.created",
                actor=draft.user.user_id,
                subject=draft.user.user_id,
                client_id=draft.client.client_id,
                details={"grant_id": grant_id, "scopes": list(draft.scopes), "resources": list(draft.resources)},
            )
        )
        return (("code", code),)

    return respond
