"""Bring a database to the schema of this version.

A new database is made at once from the compiled tables (a test proves that the migrations lead to the same); an older
one goes through Alembic, which is loaded only then.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from grantd.storage.statements import load
from grantd.storage.url import StoreUrlError, parse

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "r0001"
"""The revision of this version's schema; a test compares it with the newest migration."""

_VERSION_TABLE = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"


def head() -> str:
    """Return the revision that this version needs."""
    return HEAD


def current(url: str) -> str | None:
    """Return the revision of a database; ``None`` for one without tables, or none at all.

    Raises:
        StoreUrlError: the URL is wrong, or names a store without a schema.
        apsw.Error: the file cannot be read, or is no database.
    """
    path = _path(url)
    if not path.exists() or path.stat().st_size == 0:
        return None
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        connection.set_busy_timeout(3_000)
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchall():
            return None
        rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return str(rows[0][0]) if rows else None


def upgrade(url: str, revision: str = "head") -> bool:
    """Bring a database to ``revision``, making the file (mode 0600) if there is none.

    Processes that do so at the same time take turns.

    Returns:
        Whether something was changed.

    Raises:
        StoreUrlError: the URL is wrong, or names a store without a schema.
    """
    path = _path(url)
    with _turn(path):
        before = current(url)
        if before == HEAD and revision in {"head", HEAD}:
            return False
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if revision in {"head", HEAD} and _is_new(path):
            _create(path)
            return True
        from alembic import command  # noqa: PLC0415 - a server never needs it

        command.upgrade(_configuration(path), revision)
        return current(url) != before


def downgrade(url: str, revision: str) -> None:
    """Take a database back to ``revision`` (``base``: no tables at all). What the newer schema held is lost."""
    path = _path(url)
    with _turn(path):
        from alembic import command  # noqa: PLC0415 - a server never needs it

        command.downgrade(_configuration(path), revision)


def _path(url: str) -> Path:
    parsed = parse(url)
    if parsed.scheme != "sqlite":
        raise StoreUrlError(f"store.url: `{parsed.scheme}:` has no schema to migrate")
    return Path(parsed.path)


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    file = os.open(f"{path}-migrate-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _is_new(path: Path) -> bool:
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        return not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()


def _create(path: Path) -> None:
    compiled = load("sqlite")
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        connection.pragma("journal_mode", "wal")
        with connection:
            for statement in (*compiled.tables, *compiled.seeds, _VERSION_TABLE):
                connection.execute(statement)
            connection.execute("INSERT INTO alembic_version (version_num) VALUES (?)", (HEAD,))


def _configuration(path: Path) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - a server never needs it

    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    configuration.attributes["path"] = str(path)
    return configuration
