"""Writes docs/configuration.md from the settings and their docstrings.

python scripts/settings_reference.py           write the page
python scripts/settings_reference.py --check   write nothing; fail when the page is not up to date
"""

import ast
import inspect
import json
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET, Struct

from grantd.server.settings import model

PAGE = Path("docs/configuration.md")
BEGIN = "<!-- settings:begin (made by scripts/settings_reference.py) -->"
END = "<!-- settings:end -->"


def field_notes() -> dict[tuple[str, str], str]:
    """Return the docstring below each field of the settings classes, by class name and field name."""
    notes = {}
    for node in ast.parse(inspect.getsource(model)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for statement, following in zip(node.body, node.body[1:], strict=False):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and isinstance(following, ast.Expr)
                and isinstance(following.value, ast.Constant)
                and isinstance(following.value.value, str)
            ):
                notes[node.name, statement.target.id] = " ".join(following.value.value.split())
    return notes


def type_name(annotation: Any) -> str:
    """Return a type as the reader of a TOML file knows it."""
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Literal:
        return " or ".join(f'"{value}"' for value in arguments)
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(type_name(a) for a in arguments if a is not type(None))
    if origin is tuple:
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return "table"
    return {str: "string", int: "integer", float: "number", bool: "boolean"}.get(annotation, "any")


def default_text(field: msgspec.structs.FieldInfo) -> str:
    """Return the default of a field as TOML would write it."""
    if field.required:
        return "required"
    value = field.default_factory() if field.default_factory is not NODEFAULT else field.default
    if value is None or value is UNSET:
        return "unset"
    return f"`{json.dumps(value if not isinstance(value, tuple) else list(value))}`"


def nested(annotation: Any) -> type[Struct] | None:
    """Return the settings class of a table, or of the members of a list of tables."""
    for candidate in (annotation, *typing.get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Struct):
            return candidate
    return None


def sections(struct: type[Struct], path: str, notes: dict[tuple[str, str], str]) -> Iterator[str]:
    """Yield the page's lines for one table and the tables in it."""
    hints = typing.get_type_hints(struct)
    fields = msgspec.structs.fields(struct)
    plain = [field for field in fields if nested(hints[field.name]) is None]
    summary = " ".join((inspect.getdoc(struct) or "").split())
    yield from ("", f"## {path or 'Top level'}", "", summary)
    if plain:
        yield from ("", "| Key | Type | Default | Meaning |", "| --- | --- | --- | --- |")
    for field in plain:
        note = notes.get((struct.__name__, field.name), "").replace("``", "`").replace("|", "\\|")
        yield f"| `{field.name}` | {type_name(hints[field.name])} | {default_text(field)} | {note} |"
    for field in fields:
        inner = nested(hints[field.name])
        if inner is None:
            continue
        several = typing.get_origin(hints[field.name]) is tuple
        inner_path = field.name if not path else f"{path.strip('[]')}.{field.name}"
        yield from sections(inner, f"[[{inner_path}]]" if several else f"[{inner_path}]", notes)


def page_text(current: str) -> str:
    """Return the page with the part between the markers made anew.

    Raises:
        ValueError: the page lacks a marker.
    """
    head, begin, rest = current.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} lacks the markers {BEGIN} and {END}")
    body = "\n".join(line.rstrip() for line in sections(model.Settings, "", field_notes())).replace("``", "`")
    return f"{head}{begin}\n{body}\n\n{end}{tail}"


def main() -> int:
    """Write or check the page; the exit status is 1 where ``--check`` finds it out of date."""
    current = PAGE.read_text(encoding="utf-8")
    wanted = page_text(current)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(wanted, encoding="utf-8")
    elif current != wanted:
        print(f"{PAGE} is not up to date; run `make docs` and commit it", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
