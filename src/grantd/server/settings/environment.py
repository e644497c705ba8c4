"""Environment variables as settings: ``GRANTD_ISSUERS__0__LIFETIMES__ACCESS_TOKEN=300``.

Two underscores separate levels, lists of tables are numbered from 0, and a variable that ends in ``_FILE`` names the
file that holds the value. A variable wins over the same key of the file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import inspect

from grantd.server.settings.problems import Problem, nearest

PREFIX = "GRANTD_"
RESERVED = frozenset({"GRANTD_CONFIG"})
"""Variables of the command line, not of the settings."""

_FILE = "_FILE"
_FILE_BYTES = 65_536
_INDEX = re.compile(r"0|[1-9][0-9]{0,3}")
# Kubernetes gives each container such variables for a service that is called grantd.
_SERVICE_LINKS = re.compile(r"GRANTD_(?:SERVICE_(?:HOST|PORT)(?:_.*)?|PORT(?:_[0-9]+_.*)?)")


@dataclass(frozen=True, slots=True)
class Text:
    """A value that came as text from the environment.

    Args:
        text: the value itself.
        variable: where it came from.
    """

    text: str
    variable: str


def overlay(tree: dict[str, Any], root: inspect.StructType, environ: Mapping[str, str]) -> list[Problem]:
    """Put the values of the environment over the tree of the file.

    Args:
        tree: the file's content; changed in place, its new leaves are ``Text``.
        root: type of the settings.
        environ: the whole environment.

    Returns:
        Problems with the variables' names and files; their values are judged later, with those of the file.
    """
    problems: list[Problem] = []
    for variable in sorted(environ, key=_in_order):
        if not variable.startswith(PREFIX) or variable in RESERVED or _SERVICE_LINKS.fullmatch(variable):
            continue
        segments = variable[len(PREFIX) :].lower().split("__")
        text: str | None = environ[variable]
        if variable.endswith(_FILE) and not _exists(root, segments):
            segments[-1] = segments[-1][: -len(_FILE)]
            text = _read(variable, environ[variable], problems)
        if text is not None:
            _place(tree, root, segments, Text(text, variable), problems)
    return problems


def _in_order(variable: str) -> list[tuple[int, str]]:
    # Index 10 comes after index 9, and a table as a whole before its members.
    return [(int(part), "") if _INDEX.fullmatch(part) else (-1, part) for part in variable.split("__")]


def _read(variable: str, name: str, problems: list[Problem]) -> str | None:
    try:
        with Path(name).open("rb") as file:
            content = file.read(_FILE_BYTES + 1)
        if len(content) <= _FILE_BYTES:
            return content.decode("utf-8").rstrip("\r\n")
        reason = f"is larger than {_FILE_BYTES} bytes"
    except OSError as error:
        reason = f"cannot be read ({error.strerror or type(error).__name__})"
    except ValueError:
        reason = "is no UTF-8 text or has an impossible name"
    problems.append(Problem("", variable, f"names a file that {reason}", "name a readable file that holds the value"))
    return None


def _exists(root: inspect.StructType, segments: list[str]) -> bool:
    kind: inspect.Type = root
    for segment in segments:
        kind = plain(kind)
        if isinstance(kind, inspect.StructType):
            members = {field.name: field.type for field in kind.fields}
            if segment not in members:
                return False
            kind = members[segment]
        elif isinstance(kind, inspect.VarTupleType):
            kind = kind.item_type
        elif isinstance(kind, inspect.DictType):
            kind = kind.value_type
        else:
            return False
    return not isinstance(kind, inspect.AnyType)


def _place(
    tree: dict[str, Any], root: inspect.StructType, segments: list[str], value: Text, problems: list[Problem]
) -> None:
    kind: inspect.Type = root
    node: Any = tree
    for position, segment in enumerate(segments):
        kind = plain(kind)
        if isinstance(node, Text):
            problems.append(
                Problem("", value.variable, f"sets a part of what {node.variable} sets", "keep one of the two")
            )
            return
        step = _step(kind, node, segment)
        if isinstance(step, _Refusal):
            problems.append(_refused(value.variable, segments, position, step))
            return
        key, kind = step
        if position == len(segments) - 1:
            _set(node, key, value)
            return
        node = _descend(node, key, plain(kind))
        if node is None:
            # The file has something else than a table or list here; converting will say so.
            return


@dataclass(frozen=True, slots=True)
class _Refusal:
    wrong: str
    right: str
    known: tuple[str, ...] = ()


def _step(  # noqa: PLR0911 - one return a kind of type
    kind: inspect.Type, node: object, segment: str
) -> tuple[str | int, inspect.Type] | _Refusal:
    if isinstance(kind, inspect.StructType) and isinstance(node, dict):
        members = {field.name: field.type for field in kind.fields}
        if segment not in members:
            return _Refusal("is no setting", "", tuple(members))
        return segment, members[segment]
    if isinstance(kind, inspect.DictType | inspect.AnyType) and isinstance(node, dict):
        if not segment:
            return _Refusal("has an empty level", "separate levels by exactly two underscores")
        return segment, kind.value_type if isinstance(kind, inspect.DictType) else kind
    if isinstance(kind, inspect.VarTupleType) and isinstance(node, list):
        length = len(node)
        if not _INDEX.fullmatch(segment) or int(segment) > length:
            return _Refusal(
                f"has {segment[:20] or 'nothing'} where an index belongs",
                f"use an index from 0 to {length}, without gaps",
            )
        return int(segment), kind.item_type
    return _Refusal("goes below a single value", "leave out its last level")


def _refused(variable: str, segments: list[str], position: int, refusal: _Refusal) -> Problem:
    if not refusal.known:
        return Problem("", variable, refusal.wrong, refusal.right)
    close = nearest(segments[position], list(refusal.known))
    if close:
        name = PREFIX + "__".join([*segments[:position], close, *segments[position + 1 :]]).upper()
        return Problem("", variable, refusal.wrong, f"did you mean {name}?")
    return Problem("", variable, refusal.wrong, "known at that level: " + ", ".join(sorted(refusal.known)))


def _set(node: Any, key: str | int, value: Text) -> None:
    if isinstance(node, list) and key == len(node):
        node.append(value)
    else:
        node[key] = value


def _descend(node: Any, key: str | int, kind: inspect.Type) -> Any:
    wanted = list if isinstance(kind, inspect.VarTupleType) else dict
    if isinstance(node, list):
        if key == len(node):
            node.append(wanted())
    elif key not in node:
        node[key] = wanted()
    child = node[key]
    single = isinstance(kind, inspect.StrType | inspect.IntType | inspect.FloatType | inspect.BoolType)
    return child if single or isinstance(child, wanted | Text) else None


def plain(kind: inspect.Type) -> inspect.Type:
    """Return a type without its ``None``."""
    if isinstance(kind, inspect.UnionType):
        return next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    return kind
