"""``grantd migrate``."""

from pathlib import Path

import apsw

from grantd.cli.opening import explained, read_settings
from grantd.cli.terminal import WRONG_USE, fail, show
from grantd.storage.migrations import HEAD, current, upgrade
from grantd.storage.url import parse


def migrate(config: Path | None, *, dry_run: bool) -> None:
    """Bring the database of the settings to this version's schema and say from where to where."""
    with explained():
        url = read_settings(config).store.url
        location = parse(url)
    if location.scheme == "memory":
        fail("store.url is memory:, which has no schema to migrate", code=WRONG_USE)
    folder = Path(location.path).absolute().parent
    if not folder.is_dir():
        fail(f"store.url: there is no folder {str(folder)!r}; make it, or name another path")
    try:
        before = current(url)
        if before == HEAD:
            show(f"{location.path} is at revision {HEAD} already")
            return
        start = "no schema" if before is None else f"revision {before}"
        if dry_run:
            show(f"{location.path} would go from {start} to revision {HEAD}")
            return
        upgrade(url)
    except (apsw.Error, OSError) as error:
        fail(f"cannot migrate {location.path!r}: {error}")
    show(f"{location.path} went from {start} to revision {current(url)}")
