"""Reads and writes on one database file; the stores of the records are built on it."""

import asyncio
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import apsw

from grantd.storage.counting import StatementCount
from grantd.storage.port import StoreUnavailableError
from grantd.storage.rows import Row
from grantd.storage.sqlite.connection import UNAVAILABLE, Synchronous, open_reader
from grantd.storage.sqlite.writer import Writer

T = TypeVar("T")


class _ThreadState(threading.local):
    cursor: apsw.Cursor | None = None


class Engine:
    """One writer thread, and one reading connection for each thread that asks.

    Args:
        path: the database file; it exists and is migrated.
        synchronous: durability of a commit, see :class:`Writer`.
        group_size: how many writes share a commit at most.
        vfs: name of the SQLite file layer, ``None`` for the system's.
    """

    def __init__(
        self, path: str, *, synchronous: Synchronous = "full", group_size: int = 64, vfs: str | None = None
    ) -> None:
        self.statements = StatementCount()
        self._path = path
        self._vfs = vfs
        self._closed = False
        self._local = _ThreadState()
        self._readers: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="grantd-store-reader")
        self._writer = Writer(path, synchronous=synchronous, group_size=group_size, count=self.statements, vfs=vfs)
        self.write = self._writer.submit

    @property
    def waiting(self) -> int:
        """Writes that wait for the writer thread."""
        return self._writer.waiting

    def watch_groups(self, observe: Callable[[int, float], None]) -> None:
        """Let the writer thread tell after each group how many writes it had and how many seconds it took."""
        self._writer.on_group = observe

    async def run(self, statement: str, parameters: Row) -> int:
        """Execute one writing statement durably; return how many rows it changed."""
        return await self.write(lambda transaction: transaction.run(statement, parameters))

    def row(self, statement: str, parameters: Row) -> Any:
        """Read at most one row: ``None``, a tuple, or the value where the statement has a single column."""
        self.statements.reads += 1
        try:
            return (self._local.cursor or self._cursor()).execute(statement, parameters).get
        except UNAVAILABLE as error:
            raise self._unavailable(error) from error

    def rows(self, statement: str, parameters: Row) -> list[Row]:
        """Read all rows, at once on this thread."""
        self.statements.reads += 1
        try:
            return (self._local.cursor or self._cursor()).execute(statement, parameters).fetchall()
        except UNAVAILABLE as error:
            raise self._unavailable(error) from error

    async def page(self, statement: str, parameters: Row) -> list[Row]:
        """Read many rows off the event loop."""
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.rows, statement, parameters)

    def _cursor(self) -> apsw.Cursor:
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        connection = open_reader(self._path, vfs=self._vfs)
        self._readers.add(connection)
        self._local.cursor = connection.cursor()
        return self._local.cursor

    def _unavailable(self, error: Exception) -> StoreUnavailableError:
        # The next read opens the file anew: the error may have been of this connection only.
        self._local.cursor = None
        return StoreUnavailableError(f"{type(error).__name__}: {error}")

    async def close(self) -> None:
        """Finish what was accepted and release everything; twice is no error."""
        # What was submitted in this turn of the loop still goes over to the writer.
        await asyncio.sleep(0)
        self._closed = True
        # Readers first: the last checkpoint empties the log only when nobody reads it.
        self._threads.shutdown(wait=True)
        for connection in list(self._readers):
            with suppress(apsw.Error):
                connection.close(True)
        self._local.cursor = None
        await asyncio.to_thread(self._writer.close)
