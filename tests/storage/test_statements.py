import os
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import apsw
import pytest
from sqlalchemy import BigInteger, LargeBinary, Text

from grantd.storage.compilation import compile_statements, write
from grantd.storage.definitions import DEFINITIONS
from grantd.storage.schema import metadata
from grantd.storage.statements import Statements, load

NAMES = [definition.name for definition in DEFINITIONS]
FULL_SCANS = {"revisions"}  # five rows


@pytest.fixture(scope="module")
def database() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    for statement in (*load().tables, *load().seeds):
        connection.execute(statement)
    return connection


@pytest.fixture(scope="module")
def postgresql() -> Statements:
    return compile_statements("postgresql")


def parameters(definition_name: str) -> tuple[str, ...]:
    return next(definition.parameters for definition in DEFINITIONS if definition.name == definition_name)


def test_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_the_shipped_text_is_the_compiled_text(tmp_path: Path) -> None:
    write(tmp_path)
    shipped = resources.files("grantd.storage").joinpath("compiled", "sqlite.json").read_bytes()
    assert shipped == (tmp_path / "sqlite.json").read_bytes(), "run `python -m grantd.storage.compilation`"


def test_only_shared_column_types() -> None:
    types = {type(column.type) for table in metadata.sorted_tables for column in table.c}
    assert types == {Text, BigInteger, LargeBinary}
    for table in metadata.sorted_tables:
        key = [column.name for column in table.primary_key]
        assert "issuer" not in table.c or key[0] == "issuer"


@pytest.mark.parametrize("name", NAMES)
def test_sqlite_prepares_it_without_scanning(database: apsw.Connection, name: str) -> None:
    text = load()[name]
    numbers = {int(number) for number in re.findall(r"\?(\d+)", text)}
    assert numbers == set(range(1, len(parameters(name)) + 1))
    plan = [str(row[3]) for row in database.execute(f"EXPLAIN QUERY PLAN {text}", (None,) * len(numbers))]
    scans = [step for step in plan if step.startswith("SCAN") and step != "SCAN CONSTANT ROW"]
    assert not scans or name in FULL_SCANS
    if name.startswith("expired_"):
        assert len(plan) == 1, "the index gives the order too"


@pytest.mark.parametrize("name", NAMES)
def test_postgresql_compiles_it(postgresql: Statements, name: str) -> None:
    text = postgresql[name]
    numbers = {int(number) for number in re.findall(r"\$(\d+)", text)}
    assert numbers == set(range(1, len(parameters(name)) + 1))
    assert not re.search(r"\?|%\(| IN \(|ROWID", text)


def test_postgresql_compiles_the_tables(postgresql: Statements) -> None:
    assert len(postgresql.tables) == len(load().tables)
    assert not any("ROWID" in text or "BLOB" in text for text in postgresql.tables)


def test_a_server_loads_no_sqlalchemy() -> None:
    code = (
        "import sys; import grantd.storage.open, grantd.storage.migrations; "
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('sqlalchemy', 'alembic')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)  # noqa: S603 - our own line
    assert done.stdout.strip() == "[]"
