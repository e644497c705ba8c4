import stat
import threading
from pathlib import Path

import apsw
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from grantd.storage import migrations
from grantd.storage.memory import MemoryStore
from grantd.storage.migrations import HEAD, current, downgrade, head, upgrade
from grantd.storage.open import SchemaError, open_store
from grantd.storage.port import StoreUnavailableError
from grantd.storage.schema import metadata
from grantd.storage.sqlite import SqliteStore
from grantd.storage.url import StoreUrlError, parse


def shape(path: Path) -> list[tuple[str, ...]]:
    """Everything that the schema says, without blanks and Alembic's own table."""
    connection = apsw.Connection(str(path))
    rows = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name").fetchall()
    seeds = connection.execute("SELECT name, value FROM revision ORDER BY name").fetchall()
    return [
        *((str(kind), str(name), "".join(str(sql).split())) for kind, name, sql in rows if "alembic" not in str(name)),
        *(tuple(map(str, seed)) for seed in seeds),
    ]


@pytest.fixture
def migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database that went through every migration instead of the shortcut."""
    path = tmp_path / "migrated.sqlite3"
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_is_new", lambda path: False)
        assert upgrade(f"sqlite:{path}")
    return path


def test_the_migrations_lead_to_the_schema(migrated: Path) -> None:
    engine = create_engine(f"sqlite:///{migrated}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_shortcut_equals_the_migrations(migrated: Path, database: Path) -> None:
    assert shape(database) == shape(migrated)
    assert current(f"sqlite:{database}") == current(f"sqlite:{migrated}") == HEAD == head()


def test_the_newest_migration_is_the_head() -> None:
    folder = Path(migrations.__file__).parent
    assert ScriptDirectory(str(folder)).get_current_head() == HEAD


def test_down_and_up_again(database: Path) -> None:
    before = shape(database)
    downgrade(f"sqlite:{database}", "base")
    assert current(f"sqlite:{database}") is None
    names = apsw.Connection(str(database)).execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    assert names == [("alembic_version",)]
    assert upgrade(f"sqlite:{database}")
    assert shape(database) == before
    assert not upgrade(f"sqlite:{database}")


def test_the_files_are_private(database: Path) -> None:
    SqliteStore(str(database))
    for path in database.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_migrating_at_the_same_time(tmp_path: Path) -> None:
    changed: list[bool] = []
    url = f"sqlite:{tmp_path / 'new.sqlite3'}"
    threads = [threading.Thread(target=lambda: changed.append(upgrade(url))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(changed) == [False] * 7 + [True]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "grantd.sqlite3",
            "store.url: 'grantd.sqlite3' has no scheme; write `sqlite:PATH` or `memory:`, for example `sqlite:grantd.sqlite3`",
        ),
        (
            "postgresql://u:secret@h/d",
            "store.url: 'postgresql' is not a store that this version has; it has `sqlite:PATH` and `memory:`",
        ),
        (
            "sqlite:///var/x.db",
            "store.url: write the path right behind the colon, `sqlite:var/x.db` or `sqlite:/var/x.db`, without `//`",
        ),
        ("sqlite:", "store.url: `sqlite:` needs the path of a file, for example `sqlite:grantd.sqlite3`"),
        ("sqlite:a\0b", "store.url: `sqlite:` needs the path of a file, for example `sqlite:grantd.sqlite3`"),
        ("sqlite::memory:", "store.url: write `memory:` for a store that forgets everything at exit"),
        ("memory:x", "store.url: nothing may follow `memory:`, but 'x' does"),
    ],
)
def test_wrong_urls(url: str, message: str) -> None:
    with pytest.raises(StoreUrlError) as caught:
        parse(url)
    assert str(caught.value) == message


def test_memory_has_no_schema() -> None:
    with pytest.raises(StoreUrlError, match="`memory:` has no schema to migrate"):
        upgrade("memory:")


@pytest.mark.anyio
async def test_opening(database: Path, tmp_path: Path) -> None:
    assert isinstance(await open_store("memory:"), MemoryStore)
    store = await open_store(f"sqlite:{database}")
    assert isinstance(store, SqliteStore)
    await store.ping()
    await store.close()
    missing = tmp_path / "missing"
    with pytest.raises(SchemaError) as absent:
        await open_store(f"sqlite:{missing}")
    assert str(absent.value) == f"there is no database at {str(missing)!r}: run `grantd migrate`"
    assert not missing.exists()
    apsw.Connection(str(database)).execute("UPDATE alembic_version SET version_num = 'r9'")
    with pytest.raises(SchemaError) as newer:
        await open_store(f"sqlite:{database}")
    assert str(newer.value) == (
        f"the database {str(database)!r} is at revision 'r9', this version needs {HEAD!r}: run `grantd migrate`"
    )
    missing.touch()
    with pytest.raises(SchemaError, match="has no revision"):
        await open_store(f"sqlite:{missing}")
    missing.write_bytes(b"no database" * 100)
    with pytest.raises(StoreUnavailableError, match="cannot read"):
        await open_store(f"sqlite:{missing}")
