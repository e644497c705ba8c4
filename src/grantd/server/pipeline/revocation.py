"""The one cascade: what ends below a grant, a session, a user or a client, and who is told."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from grantd.server.extension.points import LifecycleListener
from grantd.storage.records import AuditEvent

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

Root = Literal["grant", "user", "client", "session"]


class Cascade:
    """Ends grants with everything below them.

    The store's transaction ends grants and refresh token families; access tokens die with their grant, since every
    introspection asks for it. Listeners (status lists, notifications) hear of it afterwards.
    """

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer
        self._listeners = tuple(listener.build(issuer) for listener in issuer.registry.of(LifecycleListener))

    async def end(
        self, by: Root, key: str | bytes, *, reason: str, actor: str = "", correlation_id: str = ""
    ) -> Sequence[str]:
        """End all grants below ``key`` and return their identifiers.

        Args:
            by: what ``key`` identifies.
            key: identifier of the grant, user, client or (hashed) session.
            correlation_id: of the request that caused it.
            reason: stored with the grants and in the audit log (``code_replayed``, ``revoked_by_client``, …).
            actor: who caused it, for the audit log.
        """
        issuer = self._issuer
        now = issuer.clock.now()
        ended = await issuer.store.end_grants(
            issuer.identifier,
            by=by,
            key=key,
            now=now,
            reason=reason,
            keep_until=now + issuer.longest_access_token_lifetime,
        )
        for grant_id in ended:
            issuer.audit.record(
                AuditEvent(
                    issuer=issuer.identifier,
                    at=now,
                    type="grant.ended",
                    actor=actor,
                    correlation_id=correlation_id,
                    details={"grant_id": grant_id, "reason": reason},
                )
            )
        if ended:
            for listener in self._listeners:
                await listener(ended, reason)
        return ended
