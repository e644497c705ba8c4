"""Keys, audit events, feature records, leases and upkeep in SQLite."""
# ruff: noqa: D102 - the port documents the methods

from collections.abc import Sequence

from grantd.storage.port import DuplicateError
from grantd.storage.records import AuditEvent, FeatureRecord, Lease, SigningKeyRecord
from grantd.storage.rows import Row, audit_row, decode_audit, decode_key, encode, record_row
from grantd.storage.sqlite.part import Part
from grantd.storage.sqlite.writer import Transaction

FOREVER = 2**62
EXPIRING = {
    "sessions": "session",
    "interactions": "interaction",
    "grants": "authorization_grant",
    "refresh_families": "refresh_family",
    "revoked_tokens": "revoked_token",
    "feature_records": "feature_record",
}
"""Kinds of records that expire, by the name under which they are counted, with their tables."""
CHUNK = 100
"""Rows that are deleted in one unit, so that the writes of requests need not wait for long."""


class SqliteOperations(Part):
    """Implements :class:`grantd.storage.port.OperationsStore`."""

    async def put_key(self, key: SigningKeyRecord) -> bool:
        def unit(transaction: Transaction) -> bool:
            body = encode(key)
            if key.version == 1:
                row = (key.issuer, key.kid, key.created_at, key.version, body)
                changed = transaction.run(self._sql["insert_key"], row)
            else:
                changed = transaction.run(self._sql["replace_key"], (key.issuer, key.kid, key.version, body))
            if changed:
                transaction.run(self._sql["bump_revision"], ("keys",))
            return changed == 1

        return await self._engine.write(unit)

    async def list_keys(self, issuer: str) -> tuple[SigningKeyRecord, ...]:
        return tuple(decode_key(row[0]) for row in self._engine.rows(self._sql["list_keys"], (issuer,)))

    async def delete_key(self, issuer: str, kid: str) -> bool:
        def unit(transaction: Transaction) -> bool:
            deleted = transaction.run(self._sql["delete_key"], (issuer, kid))
            if deleted:
                transaction.run(self._sql["bump_revision"], ("keys",))
            return deleted == 1

        return await self._engine.write(unit)

    async def append_audit(self, events: Sequence[AuditEvent]) -> None:
        rows = [audit_row(event) for event in events]

        def unit(transaction: Transaction) -> None:
            for row in rows:
                if not transaction.run(self._sql["append_audit"], row):
                    raise DuplicateError("audit event")

        await self._engine.write(unit)

    async def list_audit(
        self, issuer: str, *, type_prefix: str = "", since: int = 0, before: int | None = None, limit: int = 100
    ) -> tuple[AuditEvent, ...]:
        end = FOREVER if before is None else before
        parameters = (issuer, len(type_prefix), type_prefix, since, end, limit)
        rows = await self._engine.page(self._sql["list_audit"], parameters)
        return tuple(decode_audit(row[0]) for row in rows)

    async def insert_record(self, record: FeatureRecord) -> bool:
        return await self._engine.run(self._sql["insert_record"], record_row(record)) == 1

    async def find_record(self, issuer: str, kind: str, key: str, *, now: int) -> FeatureRecord | None:
        row = self._engine.row(self._sql["find_record"], (issuer, kind, key, now))
        return None if row is None else _record(issuer, kind, key, row)

    async def list_records(
        self, issuer: str, kind: str, *, now: int, after: str = "", limit: int = 100
    ) -> tuple[FeatureRecord, ...]:
        rows = await self._engine.page(self._sql["list_records"], (issuer, kind, after, now, limit))
        return tuple(_record(issuer, kind, row[0], row[1:]) for row in rows)

    async def replace_record(self, record: FeatureRecord) -> bool:
        return await self._engine.run(self._sql["replace_record"], record_row(record)) == 1

    async def take_record(self, issuer: str, kind: str, key: str, *, now: int) -> FeatureRecord | None:
        parameters = (issuer, kind, key, now)
        rows = await self._engine.write(lambda transaction: transaction.rows(self._sql["take_record"], parameters))
        return _record(issuer, kind, key, rows[0]) if rows else None

    async def acquire_lease(self, name: str, holder: str, *, now: int, seconds: int) -> Lease | None:
        expires_at = now + seconds

        def unit(transaction: Transaction) -> Lease | None:
            renewed = transaction.rows(self._sql["renew_lease"], (name, holder, now, expires_at))
            if renewed:
                return Lease(name, holder, renewed[0][0], expires_at)
            if transaction.run(self._sql["insert_lease"], (name, holder, 1, expires_at)):
                return Lease(name, holder, 1, expires_at)
            return None

        return await self._engine.write(unit)

    async def release_lease(self, lease: Lease) -> None:
        await self._engine.run(self._sql["release_lease"], (lease.name, lease.holder, lease.fence))

    async def delete_expired(self, *, now: int, limit: int) -> dict[str, int]:
        return {kind: await self._delete_expired(table, now, limit) for kind, table in EXPIRING.items()}

    async def delete_audit(self, *, before: int, limit: int) -> int:
        return await self._delete_expired("audit_event", before - 1, limit)

    async def _delete_expired(self, table: str, now: int, limit: int) -> int:
        """Find expired keys by their index, then delete in small units those that are still expired."""
        keys = await self._engine.page(self._sql[f"expired_{table}"], (now, limit))
        delete = self._sql[f"delete_expired_{table}"]
        deleted = 0
        for start in range(0, len(keys), CHUNK):
            # Sorted, so that neighbours in the index are neighbours in time.
            chunk: list[Row] = sorted(keys[start : start + CHUNK])

            def unit(transaction: Transaction, chunk: list[Row] = chunk) -> int:
                return sum(transaction.run(delete, (*key, now)) for key in chunk)

            deleted += await self._engine.write(unit)
        return deleted

    async def ping(self) -> None:
        self._engine.rows(self._sql["revisions"], ())
        await self._engine.run(self._sql["bump_revision"], ("probe",))

    async def close(self) -> None:
        await self._engine.close()


def _record(issuer: str, kind: str, key: str, row: Row) -> FeatureRecord:
    return FeatureRecord(issuer=issuer, kind=kind, key=key, version=row[0], expires_at=row[1], body=row[2])
