"""Connections to one database file, and which of their errors mean that the database cannot answer now."""

from typing import Literal

import apsw

Synchronous = Literal["full", "normal"]

UNAVAILABLE: tuple[type[Exception], ...] = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.ConnectionClosedError,
    apsw.CorruptError,
    apsw.CursorClosedError,
    apsw.FullError,
    apsw.IOError,
    apsw.InterruptError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.NotADBError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.ReadOnlyError,
    OSError,
)
"""Errors of the database and not of a statement: they become ``StoreUnavailableError``."""

WRITER_BUSY_MILLISECONDS = 3_000
READER_BUSY_MILLISECONDS = 250  # readers run on the event loop and wait only while a crashed writer is recovered
STATEMENT_CACHE = 200  # more than there are statements


def _open(path: str, vfs: str | None, busy_milliseconds: int) -> apsw.Connection:
    # One thread uses a connection at a time, so that SQLite need not lock it.
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOMUTEX
    connection = apsw.Connection(path, flags=flags, vfs=vfs, statementcachesize=STATEMENT_CACHE)
    connection.set_busy_timeout(busy_milliseconds)
    connection.wal_autocheckpoint(0)
    # Without this, plans follow the bound values, and SQLite compiles many statements anew at each execution.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    return connection


def open_reader(path: str, *, vfs: str | None) -> apsw.Connection:
    """Open a connection that only reads and never checkpoints; used by one thread at a time."""
    connection = _open(path, vfs, READER_BUSY_MILLISECONDS)
    connection.pragma("query_only", True)
    return connection


def open_writer(path: str, *, synchronous: Synchronous, vfs: str | None) -> apsw.Connection:
    """Open the connection of the writer thread."""
    connection = _open(path, vfs, WRITER_BUSY_MILLISECONDS)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", synchronous)
    connection.pragma("cache_size", -8 * 1024)  # KiB, taken as needed: random keys touch many pages
    connection.pragma("journal_size_limit", 64 * 1024 * 1024)
    return connection
