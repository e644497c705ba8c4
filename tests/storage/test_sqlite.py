"""What only the SQLite store promises: groups, counting, failures of the database, many loops and threads."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import apsw
import pytest
from tests.storage.layers import FaultLayer
from tests.storage.samples import (
    CODE,
    ISSUER,
    NOW,
    a_consent,
    a_family,
    a_grant,
    a_pending_grant,
    a_record,
    a_session,
    furnish,
)

from grantd.storage.port import DuplicateError, StoreUnavailableError
from grantd.storage.sqlite import SqliteStore, connection, lock, writer
from grantd.storage.sqlite.lock import TurnLock
from grantd.storage.sqlite.writer import Transaction

pytestmark = pytest.mark.anyio


FLOWS: dict[str, tuple[Callable[[SqliteStore], Awaitable[object]], int, int]] = {
    "find_grant": (lambda s: s.find_grant(ISSUER, "g"), 1, 0),
    "find_session": (lambda s: s.find_session(ISSUER, b"s" * 32, "app", now=NOW), 1, 0),
    "token_state": (lambda s: s.token_state(ISSUER, "g", "j"), 1, 0),
    "find_family": (lambda s: s.find_family(ISSUER, "f"), 1, 0),
    "find_standing_grant": (lambda s: s.find_standing_grant(ISSUER, "app"), 1, 0),
    "begin_standing_grant": (lambda s: s.begin_standing_grant(a_grant()), 0, 1),
    "insert_grant": (lambda s: s.insert_grant(a_grant()), 0, 1),
    "redeem_code": (
        lambda s: s.redeem_code(ISSUER, "p", CODE, now=NOW, expires_at=None, family=a_family("p")),
        0,
        2,
    ),
    "lost redeem_code": (
        lambda s: s.redeem_code(ISSUER, "g", CODE, now=NOW, expires_at=None, family=a_family("g")),
        0,
        1,
    ),
    "rotate_family": (lambda s: s.rotate_family(ISSUER, "f", counter=0, now=NOW, idle_expires_at=NOW + 9), 0, 1),
    "touch_family": (
        lambda s: s.touch_family(ISSUER, "f", counter=0, now=NOW, rotated_since=0, idle_expires_at=NOW + 9),
        0,
        1,
    ),
    "end_grants": (
        lambda s: s.end_grants(ISSUER, by="user", key="u1", now=NOW, reason="r", keep_until=NOW),
        0,
        2,
    ),
    "revoke_token": (lambda s: s.revoke_token(ISSUER, "j", expires_at=NOW), 0, 1),
    "insert_record": (lambda s: s.insert_record(a_record()), 0, 1),
    "take_record": (lambda s: s.take_record(ISSUER, "jti", "k", now=NOW), 0, 1),
}


@pytest.mark.parametrize("flow", FLOWS)
async def test_statements_are_counted_and_few(sqlite_store: SqliteStore, flow: str) -> None:
    store = sqlite_store
    await store.insert_grant(a_grant("g"))
    await store.insert_grant(a_pending_grant("p"))
    await store.insert_family(a_family("g", "f"))
    await store.insert_session(a_session())
    await store.put_consent(a_consent())
    call, reads, writes = FLOWS[flow]
    before = (store.statements.reads, store.statements.writes)
    await call(store)
    assert (store.statements.reads - before[0], store.statements.writes - before[1]) == (reads, writes)


async def test_the_count_is_the_driver_s(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    opened = connection.open_writer

    def traced(path: str, **options: object) -> apsw.Connection:
        made = opened(path, **options)  # type: ignore[arg-type]  # handed through
        made.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: seen.append(event["sql"]))
        return made

    monkeypatch.setattr(writer, "open_writer", traced)
    store = SqliteStore(str(database))
    await furnish(store)
    await asyncio.gather(*(store.insert_grant(a_pending_grant(f"g{n}")) for n in range(20)))
    await store.redeem_code(ISSUER, "g3", CODE, now=NOW, expires_at=None, family=a_family("g3"))
    await store.close()
    own = [sql for sql in seen if not sql.startswith(("BEGIN", "COMMIT", "--", "PRAGMA"))]
    assert len(own) == store.statements.writes
    assert seen.count("BEGIN IMMEDIATE") < 20


async def test_a_group_has_one_commit(sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    commit = writer.Writer._commit

    def noting(self: writer.Writer, group: list[writer._Entry]) -> object:
        sizes.append(len(group))
        return commit(self, group)

    monkeypatch.setattr(writer.Writer, "_commit", noting)
    await asyncio.gather(*(sqlite_store.insert_grant(a_grant()) for _ in range(300)))
    assert sum(sizes) == 300
    assert max(sizes) == 64
    assert len(sizes) < 20


async def test_a_failing_neighbour_fails_alone(sqlite_store: SqliteStore) -> None:
    def broken(transaction: Transaction) -> None:
        transaction.run(sqlite_store._sql["revoke_token"], (ISSUER, "half", NOW))
        raise ZeroDivisionError

    results = await asyncio.gather(
        *(sqlite_store.insert_grant(a_grant(f"g{number}")) for number in range(10)),
        sqlite_store._engine.write(broken),
        sqlite_store.redeem_code(ISSUER, "g0", CODE, now=NOW, expires_at=None, family=None),
        *(sqlite_store.insert_grant(a_grant(f"h{number}")) for number in range(10)),
        sqlite_store.insert_grant(a_grant("g1")),
        return_exceptions=True,
    )
    assert [type(result) for result in results if isinstance(result, Exception)] == [ZeroDivisionError, DuplicateError]
    assert not (await sqlite_store.token_state(ISSUER, "g0", "half")).revoked
    for number in range(10):
        assert await sqlite_store.find_grant(ISSUER, f"h{number}") is not None


async def test_a_cancelled_caller_disturbs_nobody(sqlite_store: SqliteStore) -> None:
    tasks = [asyncio.create_task(sqlite_store.insert_grant(a_grant(f"g{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(result, BaseException) for result in results) == 1
    await sqlite_store.ping()


@pytest.fixture
async def faulty(database: Path, request: pytest.FixtureRequest) -> AsyncIterator[tuple[SqliteStore, FaultLayer]]:
    layer = FaultLayer(f"fault-{id(request)}")
    store = SqliteStore(str(database), vfs=layer.name)
    await furnish(store)
    yield store, layer
    layer.write_fault = layer.sync_fault = layer.read_fault = None
    await store.close()


@pytest.mark.parametrize("fault", [apsw.FullError, apsw.ReadOnlyError, apsw.IOError])
@pytest.mark.parametrize("where", ["write_fault", "sync_fault"])
async def test_a_failing_disk_is_unavailable_and_heals(
    faulty: tuple[SqliteStore, FaultLayer], fault: type[apsw.Error], where: str
) -> None:
    store, layer = faulty
    await store.insert_grant(a_pending_grant("before"))
    setattr(layer, where, fault)
    async with asyncio.timeout(10):
        results = await asyncio.gather(
            *(store.insert_grant(a_grant(f"g{number}")) for number in range(100)),
            store.ping(),
            store.redeem_code(ISSUER, "before", CODE, now=NOW, expires_at=None, family=None),
            return_exceptions=True,
        )
    assert {type(result) for result in results} == {StoreUnavailableError}
    assert await store.find_grant(ISSUER, "before") is not None
    setattr(layer, where, None)
    await store.ping()
    claimed = await store.redeem_code(ISSUER, "before", CODE, now=NOW, expires_at=None, family=None)
    # A commit whose sync failed may be kept: the claim that was answered "unavailable" may have been the one.
    assert claimed or where == "sync_fault"
    assert not await store.redeem_code(ISSUER, "before", CODE, now=NOW, expires_at=None, family=None)
    view = await store.find_grant(ISSUER, "before")
    assert view is not None
    assert view.live
    assert await store.find_grant(ISSUER, "g0") is None or where == "sync_fault"


async def test_a_failing_read_is_unavailable_and_heals(faulty: tuple[SqliteStore, FaultLayer]) -> None:
    store, layer = faulty
    layer.read_fault = apsw.IOError
    with pytest.raises(StoreUnavailableError):
        await store.find_grant(ISSUER, "g")
    with pytest.raises(StoreUnavailableError):
        await store.list_users(ISSUER)
    layer.read_fault = None
    assert await store.find_client(ISSUER, "app") is not None
    assert len(await store.list_users(ISSUER)) == 1


async def test_a_database_at_its_page_limit_is_full(sqlite_store: SqliteStore) -> None:
    def limit(transaction: Transaction) -> None:
        pages = transaction.read("PRAGMA page_count", ())[0][0]
        transaction.read(f"PRAGMA max_page_count = {pages}", ())

    await sqlite_store._engine.write(limit)
    big = a_record(body=b"x" * 200_000)
    with pytest.raises(StoreUnavailableError, match="Full"):
        await sqlite_store.insert_record(big)
    # The writer opened the database anew, and with that the limit has gone.
    assert await sqlite_store.insert_record(big)


async def test_a_foreign_lock_makes_writes_unavailable(
    sqlite_store: SqliteStore, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grantd.storage.sqlite.connection.WRITER_BUSY_MILLISECONDS", 50)
    sqlite_store._engine._writer._connection.set_busy_timeout(50)  # type: ignore[union-attr]  # it has written
    other = apsw.Connection(str(database))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="Busy"):
        await sqlite_store.ping()
    other.execute("ROLLBACK")
    await sqlite_store.ping()


async def test_a_stuck_turn_holder_does_not_block_for_good(
    sqlite_store: SqliteStore, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.1)
    holder = TurnLock(f"{database}-lock")
    with holder:
        started = time.monotonic()
        await sqlite_store.ping()
        assert time.monotonic() - started >= 0.1
    holder.close()


async def test_several_stores_take_turns_on_one_file(database: Path) -> None:
    stores = [SqliteStore(str(database), synchronous="normal") for _ in range(3)]
    await furnish(stores[0])
    await stores[0].insert_grant(a_pending_grant("g"))
    claims = [
        store.redeem_code(ISSUER, "g", CODE, now=NOW, expires_at=None, family=None)
        for _ in range(30)
        for store in stores
    ]
    assert (await asyncio.gather(*claims)).count(True) == 1
    for store in stores:
        view = await store.find_grant(ISSUER, "g")
        assert view is not None
        assert view.live
        await store.close()


def test_several_event_loops_in_turn_and_at_once(database: Path) -> None:
    store = SqliteStore(str(database))
    asyncio.run(furnish(store))
    asyncio.run(store.insert_grant(a_grant("g")))
    results: list[bool] = []

    async def work() -> None:
        claims = await asyncio.gather(*(store.insert_record(a_record(f"k{number}")) for number in range(50)))
        results.extend(claims)
        assert await store.find_grant(ISSUER, "g") is not None
        assert len(await store.list_users(ISSUER)) == 1

    threads = [threading.Thread(target=lambda: asyncio.run(work())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(results), results.count(True)) == (200, 50)
    asyncio.run(store.close())


async def test_the_log_is_moved_into_the_database(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 50)
    store = SqliteStore(str(database), synchronous="normal")
    log = database.with_name(f"{database.name}-wal")
    body = b"x" * 3000
    for number in range(600):
        await store.insert_record(a_record(f"k{number}", body=body))
    assert log.stat().st_size < 300 * 4096
    await store.close()
    assert not log.exists()
    assert apsw.Connection(str(database)).execute("SELECT count(*) FROM feature_record").get == 600


async def test_too_many_waiting_writes_are_refused(sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "QUEUE_LIMIT", 10)
    gate = threading.Event()
    blocked = asyncio.create_task(sqlite_store._engine.write(lambda transaction: gate.wait(5)))
    await asyncio.sleep(0.05)
    waiting = [asyncio.create_task(sqlite_store.insert_grant(a_grant())) for _ in range(30)]
    await asyncio.sleep(0)
    gate.set()
    results = await asyncio.gather(blocked, *waiting, return_exceptions=True)
    assert sum(isinstance(result, StoreUnavailableError) for result in results) == 19
