"""SQLite does whatever the in-memory twin does, for any order of calls."""

import asyncio
import itertools
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.storage.samples import CODE, ISSUER, NOW, a_client, a_family, a_grant, a_pending_grant, a_user, furnish

from grantd.storage.memory import MemoryStore
from grantd.storage.migrations import upgrade
from grantd.storage.port import DuplicateError, Store
from grantd.storage.records import FeatureRecord
from grantd.storage.sqlite import SqliteStore

GRANTS = st.sampled_from(["g0", "g1", "g2", "g3"])
FAMILIES = st.sampled_from(["f0", "f1", "f2"])
KEYS = st.sampled_from(["k0", "k1", "k2"])
TIMES = st.integers(NOW - 2, NOW + 8)
ENDS = st.one_of(st.none(), TIMES)
SMALL = st.integers(0, 3)


class Twins(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        path = Path(self.folder.name) / "twin.sqlite3"
        upgrade(f"sqlite:{path}")
        self.sqlite = SqliteStore(str(path), synchronous="normal")
        self.memory = MemoryStore()
        self.versions = {"client": itertools.count(2), "user": itertools.count(2)}

    def teardown(self) -> None:
        self.runner.run(self.sqlite.close())
        self.runner.close()
        self.folder.cleanup()

    def both(self, call: Callable[[Store], Awaitable[Any]]) -> Any:
        async def outcome(store: Store) -> Any:
            try:
                return await call(store)
            except DuplicateError as error:
                return f"duplicate: {error}"

        expected = self.runner.run(outcome(self.memory))
        assert self.runner.run(outcome(self.sqlite)) == expected
        return expected

    @initialize()
    def begin(self) -> None:
        self.both(furnish)

    @rule(grant_id=GRANTS, pending=st.booleans(), end=ENDS, code_end=TIMES, user=st.booleans())
    def insert_grant(self, grant_id: str, pending: bool, end: int | None, code_end: int, user: bool) -> None:  # noqa: FBT001 - hypothesis draws them
        changes: dict[str, Any] = {"expires_at": end} | ({} if user else {"user_id": None})
        grant = (
            a_pending_grant(grant_id, code_expires_at=code_end, **changes) if pending else a_grant(grant_id, **changes)
        )
        self.both(lambda store: store.insert_grant(grant))

    @rule(grant_id=GRANTS, now=TIMES, end=ENDS, family_id=st.one_of(st.none(), FAMILIES), right=st.booleans())
    def redeem(self, grant_id: str, now: int, end: int | None, family_id: str | None, right: bool) -> None:  # noqa: FBT001 - hypothesis draws them
        family = None if family_id is None else a_family(grant_id, family_id)
        code_hash = CODE if right else b"wrong"
        self.both(lambda store: store.redeem_code(ISSUER, grant_id, code_hash, now=now, expires_at=end, family=family))

    @rule(grant_id=GRANTS, family_id=FAMILIES, idle=TIMES, end=TIMES)
    def insert_family(self, grant_id: str, family_id: str, idle: int, end: int) -> None:
        family = a_family(grant_id, family_id, idle_expires_at=idle, expires_at=end)
        self.both(lambda store: store.insert_family(family))

    @rule(family_id=FAMILIES, counter=SMALL, now=TIMES, idle=TIMES)
    def rotate(self, family_id: str, counter: int, now: int, idle: int) -> None:
        self.both(lambda store: store.rotate_family(ISSUER, family_id, counter=counter, now=now, idle_expires_at=idle))

    @rule(family_id=FAMILIES, counter=SMALL, now=TIMES, since=TIMES, idle=TIMES)
    def touch(self, family_id: str, counter: int, now: int, since: int, idle: int) -> None:
        self.both(
            lambda store: store.touch_family(
                ISSUER, family_id, counter=counter, now=now, rotated_since=since, idle_expires_at=idle
            )
        )

    @rule(
        target_of=st.one_of(
            GRANTS.map(lambda key: ("grant", key)),
            st.sampled_from([("user", "u1"), ("client", "app"), ("session", b"s" * 32), ("user", "u2")]),
        ),
        now=TIMES,
        keep=TIMES,
    )
    def end(self, target_of: tuple[Any, Any], now: int, keep: int) -> None:
        by, key = target_of
        self.both(lambda store: store.end_grants(ISSUER, by=by, key=key, now=now, reason="r", keep_until=keep))

    @rule(grant_id=GRANTS, end=ENDS)
    def stand(self, grant_id: str, end: int | None) -> None:
        self.both(lambda store: store.begin_standing_grant(a_grant(grant_id, expires_at=end)))

    @rule(active=st.booleans())
    def switch_client(self, active: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        client = a_client(version=next(self.versions["client"]), status="active" if active else "disabled")
        assert self.both(lambda store: store.put_client(client))

    @rule(active=st.booleans())
    def switch_user(self, active: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        user = a_user(version=next(self.versions["user"]), status="active" if active else "disabled")
        assert self.both(lambda store: store.put_user(user))

    @rule(key=KEYS, end=ENDS)
    def insert_record(self, key: str, end: int | None) -> None:
        record = FeatureRecord(issuer=ISSUER, kind="x", key=key, body=b"1", expires_at=end)
        self.both(lambda store: store.insert_record(record))

    @rule(key=KEYS, end=ENDS, version=st.integers(1, 4))
    def replace_record(self, key: str, end: int | None, version: int) -> None:
        record = FeatureRecord(issuer=ISSUER, kind="x", key=key, body=b"2", expires_at=end, version=version)
        self.both(lambda store: store.replace_record(record))

    @rule(key=KEYS, now=TIMES)
    def take_record(self, key: str, now: int) -> None:
        self.both(lambda store: store.take_record(ISSUER, "x", key, now=now))

    @rule(now=TIMES)
    def clean_up(self, now: int) -> None:
        self.both(lambda store: store.delete_expired(now=now, limit=100))

    @rule(now=TIMES)
    def look(self, now: int) -> None:
        async def views(store: Store) -> list[Any]:
            grants = [await store.find_grant(ISSUER, f"g{number}") for number in range(4)]
            states = [await store.token_state(ISSUER, f"g{number}", "j") for number in range(4)]
            return [*grants, *states, *[await store.find_family(ISSUER, f"f{number}") for number in range(3)]]

        self.both(views)
        self.both(lambda store: store.find_standing_grant(ISSUER, "app"))
        self.both(lambda store: store.list_grants(ISSUER, by="user", key="u1"))
        self.both(lambda store: store.list_grants(ISSUER, by="client", key="app"))
        self.both(lambda store: store.list_records(ISSUER, "x", now=now))
        self.both(lambda store: store.revisions())


TestTwins = Twins.TestCase
TestTwins.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
