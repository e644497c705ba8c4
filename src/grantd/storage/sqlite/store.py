"""The SQLite store, put together from its parts."""

from collections.abc import Callable

from grantd.storage.sqlite.connection import Synchronous
from grantd.storage.sqlite.directory import SqliteDirectory
from grantd.storage.sqlite.engine import Engine
from grantd.storage.sqlite.grants import SqliteGrants
from grantd.storage.sqlite.operations import SqliteOperations
from grantd.storage.sqlite.sessions import SqliteSessions
from grantd.storage.statements import load


class SqliteStore(SqliteGrants, SqliteSessions, SqliteDirectory, SqliteOperations):
    """Implements :class:`grantd.storage.port.Store` on one migrated database file.

    Point reads run at once on the calling thread (microseconds, also on an event loop); writes are committed in
    groups by a thread. It serves any number of event loops and threads at the same time, and several processes may
    have the same file open.

    Args:
        path: the database file.
        synchronous: ``full`` makes what is acknowledged survive power loss; ``normal`` only a crash of the process.
        group_size: how many writes share a commit at most.
        vfs: name of a registered SQLite file layer; ``None`` for the system's.
    """

    def __init__(
        self, path: str, *, synchronous: Synchronous = "full", group_size: int = 64, vfs: str | None = None
    ) -> None:
        super().__init__(Engine(path, synchronous=synchronous, group_size=group_size, vfs=vfs), load("sqlite"))

    @property
    def waiting(self) -> int:
        """Writes that wait for the writer thread."""
        return self._engine.waiting

    def watch_groups(self, observe: Callable[[int, float], None]) -> None:
        """Let the writer thread call ``observe`` after each group: how many writes, how many seconds."""
        self._engine.watch_groups(observe)
