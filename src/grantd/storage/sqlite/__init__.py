"""The embedded store: SQLite through apsw, durable writes in groups, reads where they are asked for."""

from grantd.storage.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
