"""Open the store that the settings name."""

from pathlib import Path
from typing import Literal

import apsw

from grantd.storage.memory import MemoryStore
from grantd.storage.migrations import HEAD, current
from grantd.storage.port import StoreUnavailableError
from grantd.storage.sqlite import SqliteStore
from grantd.storage.url import parse


class SchemaError(Exception):
    """The database is not at the revision that this version needs; the message says what to run."""


async def open_store(
    url: str, *, synchronous: Literal["full", "normal"] = "full", group_size: int = 64
) -> SqliteStore | MemoryStore:
    """Open the store.

    Args:
        url: ``sqlite:PATH`` or ``memory:``.
        synchronous: ``full`` has every acknowledged write on disk.
        group_size: writes that share a transaction at most.

    Raises:
        StoreUrlError: ``url`` is wrong.
        SchemaError: there is no database, or it is at another revision than this version's.
        StoreUnavailableError: the database cannot be read.
    """
    location = parse(url)
    if location.scheme == "memory":
        return MemoryStore()
    require_schema(url)
    return SqliteStore(location.path, synchronous=synchronous, group_size=group_size)


def require_schema(url: str) -> None:
    """Refuse a database that is not at this version's revision; ``memory:`` has none and always passes.

    Raises:
        StoreUrlError: ``url`` is wrong.
        SchemaError: there is no database, or it is at another revision than this version's.
        StoreUnavailableError: the database cannot be read.
    """
    scheme, path = parse(url)
    if scheme == "memory":
        return
    if not Path(path).is_file():
        raise SchemaError(f"there is no database at {path!r}: run `grantd migrate`")
    try:
        revision = current(url)
    except (apsw.Error, OSError) as error:
        raise StoreUnavailableError(f"cannot read {path!r}: {error}") from error
    if revision != HEAD:
        found = "has no revision" if revision is None else f"is at revision {revision!r}"
        raise SchemaError(f"the database {path!r} {found}, this version needs {HEAD!r}: run `grantd migrate`")
