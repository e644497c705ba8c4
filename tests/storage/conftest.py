from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.storage.samples import furnish

from grantd.storage.memory import MemoryStore
from grantd.storage.migrations import upgrade
from grantd.storage.port import Store
from grantd.storage.sqlite import SqliteStore


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "grantd.sqlite3"
    assert upgrade(f"sqlite:{path}")
    return path


@pytest.fixture
async def sqlite_store(database: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(str(database))
    await furnish(store)
    yield store
    await store.close()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Every store that must pass the contract, with the client ``app`` and the user ``u1``."""
    made: Store
    if request.param == "memory":
        made = MemoryStore()
    else:
        assert upgrade(f"sqlite:{tmp_path / 'contract.sqlite3'}")
        made = SqliteStore(str(tmp_path / "contract.sqlite3"))
    await furnish(made)
    yield made
    await made.close()
