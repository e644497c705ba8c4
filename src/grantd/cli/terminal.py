"""What a command prints, and how it ends."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import NoReturn

import typer

FAILED = 1
"""The command could not do its work, or found errors."""
WRONG_USE = 2
"""The command line or the settings are wrong; nothing was done."""


def tell(message: str) -> None:
    """Write a message for the person at the terminal, on standard error."""
    print(message, file=sys.stderr)


def show(result: str) -> None:
    """Write a result on standard output."""
    print(result, flush=True)


def show_json(result: object) -> None:
    """Write a result for machines on standard output."""
    print(json.dumps(result, indent=2, ensure_ascii=False))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write rows under their headings; plain text that lines up, without lines where output is no terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    table = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=not terminal)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    # A pipe has no width: cells are never cut for it.
    Console(file=sys.stdout, highlight=False, width=None if terminal else 10_000).print(table)


def printable(text: str) -> str:
    """Return foreign text without characters that a terminal would obey."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def fail(message: str, *, code: int = FAILED) -> NoReturn:
    """Say what is wrong and end the command."""
    tell(f"grantd: {message}")
    raise typer.Exit(code)
