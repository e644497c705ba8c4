"""Keys, audit events, feature records, leases and upkeep in memory."""
# ruff: noqa: D102 - the port documents the methods

from collections.abc import MutableMapping, Sequence
from typing import TypeVar

from grantd.storage.memory.tables import Tables, compare_and_set, discard
from grantd.storage.port import DuplicateError
from grantd.storage.records import AuditEvent, FeatureRecord, Lease, SigningKeyRecord
from grantd.storage.rows import family_leaves_at, grant_leaves_at

K = TypeVar("K")
R = TypeVar("R")


class MemoryOperations(Tables):
    """Implements :class:`grantd.storage.port.OperationsStore`."""

    async def put_key(self, key: SigningKeyRecord) -> bool:
        self._require_open()
        done = compare_and_set(self._keys, (key.issuer, key.kid), key)
        self._revisions["keys"] += done
        return done

    async def list_keys(self, issuer: str) -> tuple[SigningKeyRecord, ...]:
        found = [key for key in self._keys.values() if key.issuer == issuer]
        return tuple(sorted(found, key=lambda key: (key.created_at, key.kid)))

    async def delete_key(self, issuer: str, kid: str) -> bool:
        self._require_open()
        done = discard(self._keys, (issuer, kid))
        self._revisions["keys"] += done
        return done

    async def append_audit(self, events: Sequence[AuditEvent]) -> None:
        self._require_open()
        found = {(event.issuer, event.node, event.epoch, event.sequence): event for event in events}
        if len(found) != len(events) or found.keys() & self._audit.keys():
            raise DuplicateError("audit event")
        self._audit.update(found)

    async def list_audit(
        self, issuer: str, *, type_prefix: str = "", since: int = 0, before: int | None = None, limit: int = 100
    ) -> tuple[AuditEvent, ...]:
        found = [
            event
            for event in self._audit.values()
            if event.issuer == issuer
            and event.type.startswith(type_prefix)
            and event.at >= since
            and (before is None or event.at < before)
        ]
        return tuple(sorted(found, key=lambda event: (-event.at, -event.sequence))[:limit])

    async def insert_record(self, record: FeatureRecord) -> bool:
        self._require_open()
        key = (record.issuer, record.kind, record.key)
        if key in self._records:
            return False
        self._records[key] = record
        return True

    async def find_record(self, issuer: str, kind: str, key: str, *, now: int) -> FeatureRecord | None:
        record = self._records.get((issuer, kind, key))
        return record if record is not None and _unexpired(record, now) else None

    async def list_records(
        self, issuer: str, kind: str, *, now: int, after: str = "", limit: int = 100
    ) -> tuple[FeatureRecord, ...]:
        found = [
            record
            for key, record in sorted(self._records.items())
            if key[:2] == (issuer, kind) and key[2] > after and _unexpired(record, now)
        ]
        return tuple(found[:limit])

    async def replace_record(self, record: FeatureRecord) -> bool:
        self._require_open()
        key = (record.issuer, record.kind, record.key)
        return key in self._records and compare_and_set(self._records, key, record)

    async def take_record(self, issuer: str, kind: str, key: str, *, now: int) -> FeatureRecord | None:
        self._require_open()
        record = self._records.get((issuer, kind, key))
        if record is None or not _unexpired(record, now):
            return None
        return self._records.pop((issuer, kind, key))

    async def acquire_lease(self, name: str, holder: str, *, now: int, seconds: int) -> Lease | None:
        self._require_open()
        lease = self._leases.get(name)
        if lease is not None and lease.holder != holder and lease.expires_at > now:
            return None
        if lease is None:
            fence = 1
        else:
            fence = lease.fence if lease.holder == holder and lease.expires_at > now else lease.fence + 1
        self._leases[name] = Lease(name, holder, fence, now + seconds)
        return self._leases[name]

    async def release_lease(self, lease: Lease) -> None:
        self._require_open()
        found = self._leases.get(lease.name)
        if found is not None and (found.holder, found.fence) == (lease.holder, lease.fence):
            self._leases[lease.name] = Lease(lease.name, lease.holder, lease.fence, 0)

    async def delete_expired(self, *, now: int, limit: int) -> dict[str, int]:
        self._require_open()
        dropped = {
            "sessions": _drop(self._sessions, {k: r.expires_at for k, r in self._sessions.items()}, now, limit),
            "interactions": _drop(
                self._interactions, {k: r.expires_at for k, r in self._interactions.items()}, now, limit
            ),
            "grants": _drop(self._grants, {k: grant_leaves_at(r) for k, r in self._grants.items()}, now, limit),
            "refresh_families": _drop(
                self._families, {k: family_leaves_at(r) for k, r in self._families.items()}, now, limit
            ),
            "revoked_tokens": _drop(self._revoked, dict(self._revoked), now, limit),
            "feature_records": _drop(self._records, {k: r.expires_at for k, r in self._records.items()}, now, limit),
        }
        for owner in [owner for owner, grant_id in self._standing.items() if (owner[0], grant_id) not in self._grants]:
            del self._standing[owner]
        return dropped

    async def delete_audit(self, *, before: int, limit: int) -> int:
        self._require_open()
        return _drop(self._audit, {k: event.at for k, event in self._audit.items()}, before - 1, limit)

    async def ping(self) -> None:
        self._require_open()

    async def close(self) -> None:
        self._closed = True


def _unexpired(record: FeatureRecord, now: int) -> bool:
    return record.expires_at is None or record.expires_at > now


def _drop(table: MutableMapping[K, R], ends: MutableMapping[K, int | None], now: int, limit: int) -> int:
    expired = sorted((end, key) for key, end in ends.items() if end is not None and end <= now)
    return sum(discard(table, key) for _, key in expired[:limit])
