"""The compiled statements that ship with the package. Loads no SQLAlchemy."""

from importlib import resources
from typing import Literal

import msgspec


class Statements(msgspec.Struct, frozen=True, kw_only=True):
    """The text of every statement by name, and what creates an empty database."""

    statements: dict[str, str]
    """Parameters are numbered in the order that ``grantd.storage.definitions`` declares."""
    tables: tuple[str, ...]
    seeds: tuple[str, ...]

    def __getitem__(self, name: str) -> str:
        """Return the text of a statement; ``KeyError`` for a name that is not defined."""
        return self.statements[name]


def load(dialect: Literal["sqlite"] = "sqlite") -> Statements:
    """Read the compiled statements of a dialect."""
    text = resources.files("grantd.storage").joinpath("compiled", f"{dialect}.json").read_bytes()
    return msgspec.json.decode(text, type=Statements)
