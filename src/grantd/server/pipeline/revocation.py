"""The one cascade: what ends below a grant, a session, a user or a client, and who is told."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from grantd.server.extension.points import Ending, LifecycleListener
from grantd.server.observe.logs import get_logger
from grantd.storage.records import AuditEvent

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

Root = Literal["grant", "user", "client", "session"]
_log = get_logger(__name__)


class Cascade:
    """Ends grants with everything below them.

    The store's transaction ends grants and refresh token families; access tokens die with their grant, since every
    introspection asks for it. Listeners (status lists, notifications) hear of it afterwards.
    """

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer
        self._listeners = tuple((one.name, one.build(issuer)) for one in issuer.registry.of(LifecycleListener))

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
            await self._tell(Ending(grants=tuple(ended), reason=reason), correlation_id)
        return ended

    async def end_token(self, jti: str, *, expires_at: int, reason: str, correlation_id: str = "") -> None:
        """Revoke one access token; its grant lives (RFC 7009 section 2.1).

        Args:
            jti: the token's identifier.
            expires_at: when it would have ended by itself, in seconds since the Unix epoch.
            reason: for the listeners.
            correlation_id: of the request that caused it.
        """
        await self._issuer.store.revoke_token(self._issuer.identifier, jti, expires_at=expires_at)
        await self._tell(Ending(tokens=(jti,), reason=reason), correlation_id)

    async def _tell(self, ending: Ending, correlation_id: str) -> None:
        for name, listen in self._listeners:
            try:
                await listen(ending)
            except Exception as error:  # noqa: BLE001  # it has ended whatever a listener makes of it
                _log.error(
                    "a listener failed",
                    listener=name,
                    correlation_id=correlation_id,
                    error=f"{type(error).__name__}: {error}",
                )
