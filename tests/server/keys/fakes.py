"""The part of the Store port that keys need, in memory."""

from collections.abc import Awaitable, Callable

from grantd.core.clock import ManualClock
from grantd.server.keys import KeyLifecycle, KeyRing, Sealer
from grantd.server.settings.model import KeySettings
from grantd.storage.records import SigningKeyRecord

ISSUER = "https://login.harbour.example"
SEALER = Sealer(b"\x07" * 32)
TOKEN_LIFETIME = 300


class MemoryKeys:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], SigningKeyRecord] = {}
        self.writes = 0
        self.before_put: Callable[[SigningKeyRecord], Awaitable[None]] | None = None

    async def put_key(self, key: SigningKeyRecord) -> bool:
        if self.before_put is not None:
            hook, self.before_put = self.before_put, None
            await hook(key)
        row = (key.issuer, key.kid)
        there = self.rows.get(row)
        if (there.version if there else 0) + 1 != key.version:
            return False
        self.rows[row] = key
        self.writes += 1
        return True

    async def list_keys(self, issuer: str) -> tuple[SigningKeyRecord, ...]:
        found = [row for (owner, _), row in self.rows.items() if owner == issuer]
        return tuple(sorted(found, key=lambda row: (row.created_at, row.kid)))

    async def delete_key(self, issuer: str, kid: str) -> bool:
        self.writes += 1
        return self.rows.pop((issuer, kid), None) is not None


def lifecycle(
    store: MemoryKeys, clock: ManualClock, settings: KeySettings, issuer: str = ISSUER, lifetime: int = TOKEN_LIFETIME
) -> KeyLifecycle:
    return KeyLifecycle(
        issuer, store=store, sealer=SEALER, settings=settings, clock=clock, longest_token_lifetime=lifetime
    )


def ring(records: tuple[SigningKeyRecord, ...], clock: ManualClock, settings: KeySettings) -> KeyRing:
    return KeyRing(ISSUER, records, settings=settings, sealer=SEALER, clock=clock)
