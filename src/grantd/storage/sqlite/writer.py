"""The writer thread: units of many callers in one transaction, each answered only after its commit."""

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

import apsw

from grantd.storage.counting import StatementCount
from grantd.storage.port import StoreUnavailableError
from grantd.storage.rows import Row
from grantd.storage.sqlite.connection import UNAVAILABLE, Synchronous, open_writer
from grantd.storage.sqlite.lock import TurnLock

CHECKPOINT_PAGES = 1_000
QUEUE_LIMIT = 20_000
"""Units that may wait; more than a stalled disk should be allowed to collect."""

T = TypeVar("T")


class Transaction:
    """What a unit may do inside its group's transaction."""

    __slots__ = ("_changes", "_count", "_execute")

    def __init__(self, connection: apsw.Connection, count: StatementCount) -> None:
        self._execute = connection.cursor().execute
        self._changes = connection.changes
        self._count = count

    def run(self, statement: str, parameters: Row) -> int:
        """Execute a writing statement; return how many rows it changed."""
        self._count.writes += 1
        self._execute(statement, parameters)
        return self._changes()

    def rows(self, statement: str, parameters: Row) -> list[Row]:
        """Execute a writing statement with ``RETURNING``; return its rows."""
        self._count.writes += 1
        return self._execute(statement, parameters).fetchall()

    def read(self, statement: str, parameters: Row) -> list[Row]:
        """Execute a reading statement; return its rows."""
        self._count.reads += 1
        return self._execute(statement, parameters).fetchall()


Unit = Callable[[Transaction], T]
"""Work that happens wholly or not at all. It may run twice (the first time was rolled back), so it must be pure."""


class _Entry(NamedTuple):
    unit: Unit[Any]
    future: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop


_Answer = tuple["asyncio.Future[Any]", Any, BaseException | None]


def _deliver(answers: list[_Answer]) -> None:
    for future, result, error in answers:
        if future.done():  # the caller has gone
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _unavailable(error: Exception) -> StoreUnavailableError:
    return StoreUnavailableError(f"{type(error).__name__}: {error}")


class Writer:
    """One thread with one connection. Nothing that it does ever runs on an event loop.

    Args:
        path: the database file; it exists.
        synchronous: ``full`` makes every commit survive power loss, ``normal`` only a crash of the process.
        group_size: how many units share a commit at most.
        count: where executed statements are counted.
        vfs: name of the SQLite file layer, ``None`` for the system's.
    """

    def __init__(
        self, path: str, *, synchronous: Synchronous, group_size: int, count: StatementCount, vfs: str | None
    ) -> None:
        self._path = path
        self._synchronous: Synchronous = synchronous
        self._vfs = vfs
        self._group_size = max(1, group_size)
        self._count = count
        self._batches: dict[asyncio.AbstractEventLoop, list[_Entry]] = {}
        self._queue: queue.SimpleQueue[list[_Entry] | None] = queue.SimpleQueue()
        self._submitted = 0  # by callers
        self._taken = 0  # by the thread
        self._closed = False
        self._connection: apsw.Connection | None = None
        self._transaction: Transaction | None = None
        self._wal_pages = 0
        self._checkpoint_at = CHECKPOINT_PAGES
        self._lock = TurnLock(f"{path}-lock")
        self.on_group: Callable[[int, float], None] | None = None
        """Called by this thread after each group, with its units and the seconds that it took."""
        self._thread = threading.Thread(target=self._work, name="grantd-store-writer", daemon=True)
        self._thread.start()

    async def submit(self, unit: Unit[T]) -> T:
        """Run ``unit`` in the next group and return its result once that is committed.

        A caller that is cancelled meanwhile does not stop its unit.

        Raises:
            StoreUnavailableError: the database could not do it; nothing of the unit is kept, unless the commit itself
                failed, when it may be.
            Exception: what the unit raised; nothing of it is kept.
        """
        if self._closed or self._submitted - self._taken > QUEUE_LIMIT:
            raise StoreUnavailableError("the store is closed" if self._closed else "too many writes are waiting")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        batch = self._batches.get(loop)
        if batch is None:
            # What arrives in one turn of the loop goes over together: the thread wakes once and the groups are large.
            batch = self._batches[loop] = []
            loop.call_soon(self._hand_over, loop)
        batch.append(_Entry(unit, future, loop))
        self._submitted += 1
        return await future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._queue.put(self._batches.pop(loop))

    @property
    def waiting(self) -> int:
        """Units that wait for the thread."""
        return self._submitted - self._taken

    def close(self) -> None:
        """Finish what was accepted, move the log into the database, stop. Blocks; call it off the event loop."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._answer_all(self._waiting(), StoreUnavailableError("the store is closed"))

    def _waiting(self) -> list[_Entry]:
        found: list[_Entry] = []
        with suppress(queue.Empty):
            while True:
                found += self._queue.get_nowait() or ()
        return found

    def _work(self) -> None:
        open_for_work = True
        while open_for_work:
            entries, open_for_work = self._next_entries()
            for start in range(0, len(entries), self._group_size):
                group = entries[start : start + self._group_size]
                self._taken += len(group)
                self._answer_group(group)
                if self._wal_pages >= self._checkpoint_at:
                    self._checkpoint()
        self._shut()
        self._lock.close()

    def _next_entries(self) -> tuple[list[_Entry], bool]:
        """Wait for units, then take what else is there; the flag is false when the store closes."""
        entries: list[_Entry] = []
        batch = self._queue.get()
        try:
            while batch is not None:
                entries += batch
                if len(entries) >= self._group_size:
                    return entries, True
                batch = self._queue.get_nowait()
        except queue.Empty:
            return entries, True
        return entries, False

    def _answer_group(self, group: list[_Entry]) -> None:
        started = perf_counter()
        try:
            with self._lock:
                results = self._commit(group)
                if results is None:
                    results = self._commit_singly(group)
        except Exception as error:  # noqa: BLE001 - whatever it is, every caller must be answered
            self._shut()
            self._answer_all(group, error)
            return
        if self.on_group is not None:
            self.on_group(len(group), perf_counter() - started)
        self._answer([(entry, *result) for entry, result in zip(group, results, strict=True)])

    def _answer_all(self, group: list[_Entry], error: Exception) -> None:
        # An exception of its own for each caller: raising one grows its traceback.
        self._answer([(entry, None, _unavailable(error)) for entry in group])

    @staticmethod
    def _answer(outcomes: list[tuple[_Entry, Any, BaseException | None]]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Answer]] = {}
        for entry, result, error in outcomes:
            by_loop.setdefault(entry.loop, []).append((entry.future, result, error))
        for loop, answers in by_loop.items():
            with suppress(RuntimeError):  # the loop has been closed, so nobody waits
                loop.call_soon_threadsafe(_deliver, answers)

    def _open(self) -> tuple[apsw.Connection, Transaction]:
        if self._connection is None or self._transaction is None:
            self._connection = open_writer(self._path, synchronous=self._synchronous, vfs=self._vfs)
            self._connection.set_wal_hook(self._note_pages)
            self._transaction = Transaction(self._connection, self._count)
        return self._connection, self._transaction

    def _note_pages(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _commit(self, group: list[_Entry]) -> list[tuple[Any, BaseException | None]] | None:
        """Commit all units together; ``None`` when one of them raised, and nothing is kept."""
        connection, transaction = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            results = [(entry.unit(transaction), None) for entry in group]
        except UNAVAILABLE:
            raise
        except Exception as error:  # noqa: BLE001 - a unit's own error goes to its caller
            connection.execute("ROLLBACK")
            return [(None, error)] if len(group) == 1 else None
        connection.execute("COMMIT")
        return results  # type: ignore[return-value]  # a list of narrower tuples

    def _commit_singly(self, group: list[_Entry]) -> list[tuple[Any, BaseException | None]]:
        """Commit each unit for itself, so that the one that raises fails alone."""
        results: list[tuple[Any, BaseException | None]] = []
        failure: Exception | None = None
        for entry in group:
            try:
                if failure is None:
                    results += self._commit([entry]) or []
                    continue
            except Exception as error:  # noqa: BLE001 - the database failed: those before are committed
                self._shut()
                failure = error
            results.append((None, _unavailable(failure)))
        return results

    def _checkpoint(self) -> None:
        if self._connection is None:
            return
        try:
            pages, moved = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except UNAVAILABLE:
            pages, moved = self._wal_pages, 0
        # Where readers hold it up, the log goes on growing: try again after as many pages again.
        self._checkpoint_at = CHECKPOINT_PAGES + (0 if pages == moved else max(pages, 0))
        self._wal_pages = 0

    def _shut(self) -> None:
        connection, self._connection, self._transaction = self._connection, None, None
        if connection is None:
            return
        with suppress(apsw.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        with suppress(apsw.Error):
            if self._closed:
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        with suppress(apsw.Error):
            connection.close()
