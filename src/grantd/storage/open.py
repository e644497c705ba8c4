"""Open the store that the settings name."""

from pathlib import Path

import apsw

from grantd.server.settings.model import StoreSettings
from grantd.storage.memory import MemoryStore
from grantd.storage.migrations import HEAD, current
from grantd.storage.port import StoreUnavailableError
from grantd.storage.sqlite import SqliteStore
from grantd.storage.url import parse


class SchemaError(Exception):
    """The database is not at the revision that this version needs; the message says what to run."""


async def open_store(settings: StoreSettings) -> SqliteStore | MemoryStore:
    """Open the store.

    Args:
        settings: where it is, how durable, how large its groups.

    Raises:
        StoreUrlError: ``settings.url`` is wrong.
        SchemaError: there is no database, or it is at another revision than this version's.
        StoreUnavailableError: the database cannot be read.
    """
    url = parse(settings.url)
    if url.scheme == "memory":
        return MemoryStore()
    _require_head(url.path, settings.url)
    return SqliteStore(url.path, synchronous=settings.synchronous, group_size=settings.group_size)


def _require_head(path: str, url: str) -> None:
    if not Path(path).is_file():
        raise SchemaError(f"there is no database at {path!r}: run `grantd migrate`")
    try:
        revision = current(url)
    except (apsw.Error, OSError) as error:
        raise StoreUnavailableError(f"cannot read {path!r}: {error}") from error
    if revision != HEAD:
        found = "has no revision" if revision is None else f"is at revision {revision!r}"
        raise SchemaError(f"the database {path!r} {found}, this version needs {HEAD!r}: run `grantd migrate`")
