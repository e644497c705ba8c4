"""Questions about this machine: features, files, database, clock."""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import apsw

from grantd.server.deployment import compose
from grantd.server.extension import CompositionError
from grantd.server.extension.points import Finding
from grantd.server.keys import SealingKeyError
from grantd.server.keys.sealing import load_sealer
from grantd.server.settings import Settings
from grantd.storage.open import SchemaError, require_schema
from grantd.storage.port import StoreUnavailableError
from grantd.storage.url import StoreUrlError, parse

_LARGE_LOG = 64 * 1024 * 1024
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_FREE_BYTES = 256 * 1024 * 1024


def features(settings: Settings) -> Iterator[Finding]:
    """Do the features of each issuer fit together?"""
    for issuer in settings.issuers:
        try:
            registry = compose(settings, issuer)
        except CompositionError as error:
            yield Finding(
                level="error", subject=f"{issuer.issuer}: features", text=str(error), remedy="change issuers.features"
            )
        else:
            yield Finding(
                level="ok", subject=f"{issuer.issuer}: features", text=f"{len(registry.features)} that fit together"
            )


def sealing_key(settings: Settings) -> Iterator[Finding]:
    """Can the sealing key be used?"""
    secrets = settings.secrets
    if settings.store.url == "memory:" and not (secrets.sealing_key or secrets.sealing_key_file):
        yield Finding(level="ok", subject="sealing key", text="made anew at each start, as everything in memory:")
        return
    try:
        load_sealer(secrets)
    except SealingKeyError as error:
        yield Finding(
            level="error",
            subject="sealing key",
            text=str(error),
            remedy="for a new installation: grantd keys create-sealing-key FILE",
        )
    else:
        yield Finding(level="ok", subject="sealing key", text="can be read")


def schema(settings: Settings) -> Iterator[Finding]:
    """Is the database there and of this version?"""
    url = settings.store.url
    try:
        require_schema(url)
    except SchemaError as error:
        yield Finding(level="error", subject="database", text=str(error), remedy="run grantd migrate")
    except (StoreUnavailableError, StoreUrlError) as error:
        yield Finding(level="error", subject="database", text=str(error), remedy="change store.url or the file's mode")
    else:
        yield Finding(level="ok", subject="database", text=f"{url} can be read and has this version's schema")


def files(settings: Settings, config: Path | None) -> Iterator[Finding]:
    """May others read what is secret?"""
    location = parse(settings.store.url)
    private = [Path(location.path), Path(f"{location.path}-wal")] if location.scheme == "sqlite" else []
    if config is not None and settings.secrets.sealing_key and "GRANTD_SECRETS__SEALING_KEY" not in os.environ:
        # The settings file is secret when the sealing key stands in it.
        private.append(config)
    for path in private:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & 0o077:
            yield Finding(
                level="warning",
                subject=str(path),
                text=f"has mode {mode:04o}: other accounts of this machine may use it",
                remedy=f"run: chmod 600 {path}",
            )
        else:
            yield Finding(level="ok", subject=str(path), text=f"has mode {mode:04o}")


def database(settings: Settings) -> Iterator[Finding]:
    """How large is the database, is its log cut, is it sound, is there room?"""
    location = parse(settings.store.url)
    path = Path(location.path)
    if location.scheme != "sqlite" or not path.is_file():
        return
    log = Path(f"{path}-wal")
    size, log_size = path.stat().st_size, log.stat().st_size if log.exists() else 0
    yield Finding(
        level="ok", subject=str(path), text=f"has {_megabytes(size)}, its write-ahead log {_megabytes(log_size)}"
    )
    if log_size > _LARGE_LOG:
        yield Finding(
            level="warning",
            subject=str(log),
            text="is large: something reads for very long and keeps the log from being cut",
            remedy="look for a backup or a shell that has the database open; a restart cuts the log",
        )
    room = os.statvfs(path.parent)
    free = room.f_bavail * room.f_frsize
    if free < _FREE_BYTES:
        yield Finding(
            level="error", subject=str(path.parent), text=f"has only {_megabytes(free)} left", remedy="make room"
        )
    yield from _soundness(path)


def _soundness(path: Path) -> Iterator[Finding]:
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
            connection.set_busy_timeout(3_000)
            answer = str(connection.execute("PRAGMA quick_check(1)").get)
            mode = str(connection.pragma("journal_mode"))
    except apsw.Error as error:
        yield Finding(level="error", subject=str(path), text=f"cannot be checked: {error}", remedy="look at the file")
        return
    if answer != "ok":
        yield Finding(
            level="error", subject=str(path), text=f"is damaged: {answer[:200]}", remedy="restore the last backup"
        )
    if mode != "wal":
        yield Finding(
            level="warning",
            subject=str(path),
            text=f"has journal mode {mode} instead of wal",
            remedy="stop other programs that use the file and restart grantd",
        )


def clock() -> Iterator[Finding]:
    """Does the clock show a time that can be?"""
    now = time.time()
    if _EARLIEST <= now < _LATEST:
        yield Finding(level="ok", subject="clock", text=datetime.now(UTC).strftime("shows %Y-%m-%d %H:%M:%SZ"))
    else:
        yield Finding(
            level="error",
            subject="clock",
            text=datetime.fromtimestamp(now, UTC).strftime("shows %Y-%m-%d, which cannot be"),
            remedy="set it, and keep it right with NTP",
        )


def _megabytes(size: int) -> str:
    return f"{size / 1_048_576:.1f} MB"
