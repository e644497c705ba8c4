"""What happened to the keys of an issuer between two looks, as audit events."""

from collections.abc import Iterator, Sequence
from typing import Any

from grantd.storage.records import AuditEvent, SigningKeyRecord


def key_events(
    issuer: str,
    before: Sequence[SigningKeyRecord],
    after: Sequence[SigningKeyRecord],
    *,
    now: int,
    actor: str = "",
    reason: str = "",
) -> tuple[AuditEvent, ...]:
    """Return the events that lie between two lists of keys.

    Args:
        issuer: whose keys they are.
        before: the earlier list.
        after: the later list.
        now: the time.
        actor: who caused it.
        reason: why a key was revoked.
    """
    return tuple(
        AuditEvent(issuer=issuer, at=now, type=kind, actor=actor, details=details)
        for kind, details in _differences(before, after, now, reason)
    )


def _differences(
    before: Sequence[SigningKeyRecord], after: Sequence[SigningKeyRecord], now: int, reason: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    former = {record.kid: record for record in before}
    for record in after:
        old = former.pop(record.kid, None)
        if old is None:
            yield "key.created", {"kid": record.kid, "alg": record.alg, "activate_at": record.activate_at}
            if record.activate_at <= now:
                yield "key.activated", {"kid": record.kid, "alg": record.alg}
            continue
        if old.revoked_at is None and record.revoked_at is not None:
            yield "key.revoked", {"kid": record.kid, "reason": reason}
        elif old.sealed_private_key and not record.sealed_private_key and record.revoked_at is None:
            yield "key.retired", {"kid": record.kid}
    for kid in former:
        yield "key.deleted", {"kid": kid}
