"""A deployment in a folder, and ways to run commands on it."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grantd.cli.main import app
from grantd.server.keys.sealing import create_sealing_key_file
from grantd.storage.migrations import upgrade

ISSUER = "https://login.harbour.example"


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line; nothing of this process's environment counts."""
    for name in [name for name in os.environ if name.startswith("GRANTD_")]:
        monkeypatch.delenv(name)

    def run_(*arguments: str, stdin: str | None = None) -> Said:
        result = CliRunner().invoke(app, list(arguments), input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    return run_


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database with its sealing key, made once."""
    folder = tmp_path_factory.mktemp("pristine")
    create_sealing_key_file(folder / "sealing.key")
    upgrade(f"sqlite:{folder / 'grantd.sqlite3'}")
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    """A folder with settings of one issuer, a sealing key and a database."""
    for name in ("sealing.key", "grantd.sqlite3"):
        shutil.copy2(pristine / name, tmp_path / name)
    write_settings(tmp_path, ISSUER)
    return tmp_path


@pytest.fixture
def config(folder: Path) -> str:
    return str(folder / "grantd.toml")


def write_settings(folder: Path, *issuers: str, head: str = "") -> Path:
    """Write ``grantd.toml``; keys are ES256 only, since making RSA keys takes time."""
    text = head + (
        f'[store]\nurl = "sqlite:{folder / "grantd.sqlite3"}"\n[secrets]\nsealing_key_file = "{folder / "sealing.key"}"\n'
    )
    for issuer in issuers:
        text += f'[[issuers]]\nissuer = "{issuer}"\nkeys = {{ algorithms = ["ES256"] }}\n'
    path = folder / "grantd.toml"
    path.write_text(text)
    return path
