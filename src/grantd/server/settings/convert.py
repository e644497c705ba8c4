"""Values of the file and the environment into typed settings, with every problem at once."""

import math
import re
from typing import Any

import msgspec
from msgspec import inspect

from grantd.server.settings.environment import Text, plain
from grantd.server.settings.problems import Problem, nearest, shown

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_LARGEST = 10**18
_SECRETS = frozenset({"secrets.sealing_key"})


class _Unusable:
    """Stands where a value could not be converted."""


_UNUSABLE = _Unusable()


class Converter:
    """Converts one tree; afterwards ``problems`` says what is wrong and ``sources`` where each key came from.

    Args:
        file: what messages call the file.
    """

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self.sources: dict[str, str] = {}
        self.broken: set[str] = set()
        self._file = file

    def convert(self, root: inspect.StructType, tree: dict[str, Any]) -> Any:
        """Return the settings, with defaults (or empty values) where something is in ``broken``."""
        return self._struct(root, tree, "", self._file)

    def _value(self, kind: inspect.Type, value: Any, key: str, source: str) -> Any:  # noqa: PLR0911 - one return a kind of type
        if isinstance(value, Text):
            source = value.variable
            value = self._read(kind, value, key)
            if value is _UNUSABLE:
                return _UNUSABLE
        self.sources[key] = source
        if value is None and isinstance(kind, inspect.UnionType):
            return None
        kind = plain(kind)
        if isinstance(kind, inspect.StructType):
            return self._struct(kind, value, key, source)
        if isinstance(kind, inspect.VarTupleType):
            return self._list(kind, value, key, source)
        if isinstance(kind, inspect.DictType):
            return self._table(kind, value, key, source)
        if isinstance(kind, inspect.AnyType):
            return _without_text(value)
        return self._single(kind, value, key, source)

    def _read(self, kind: inspect.Type, value: Text, key: str) -> Any:
        optional = isinstance(kind, inspect.UnionType)
        kind = plain(kind)
        try:
            value.text.encode("utf-8")
        except UnicodeEncodeError:
            return self._refuse(key, value.variable, "is no UTF-8 text", "write it in UTF-8")
        text = value.text.strip()
        if isinstance(kind, inspect.StrType):
            return value.text
        if isinstance(kind, inspect.VarTupleType) and not text.startswith("["):
            # A single word is a list of one; no word at all is an empty list.
            return [Text(part.strip(), value.variable) for part in text.split(",")] if text else []
        if isinstance(kind, inspect.VarTupleType | inspect.DictType | inspect.StructType | inspect.AnyType):
            return self._read_json(kind, text, key, value.variable)
        if optional and not text:
            return None
        return _read_single(kind, text)

    def _read_json(self, kind: inspect.Type, text: str, key: str, source: str) -> Any:
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, ValueError, RecursionError):
            if isinstance(kind, inspect.AnyType):
                return text
            return self._refuse(key, source, "is no valid JSON", f"write {_expected(kind)} in JSON")

    def _struct(self, kind: inspect.StructType, value: Any, key: str, source: str) -> Any:
        if not isinstance(value, dict):
            self._refuse(key, source, f"is {shown(value)}", "write a table")
            value = {}
        fields = {field.name: field for field in kind.fields}
        for name in value:
            if name not in fields:
                self._unknown(name, list(fields), key, source)
        members: dict[str, Any] = {}
        for name, field in fields.items():
            path = f"{key}.{name}" if key else name
            if name in value:
                converted = self._value(field.type, value[name], path, source)
                if converted is not _UNUSABLE:
                    members[name] = converted
            elif field.required:
                self._refuse(path, source, "is missing", f"set it to {_expected(plain(field.type))}")
            if field.required and name not in members:
                members[name] = () if isinstance(plain(field.type), inspect.VarTupleType) else ""
        return kind.cls(**members)

    def _unknown(self, name: str, known: list[str], key: str, source: str) -> None:
        path = f"{key}.{name[:64]}" if key else name[:64]
        close = nearest(name, known)
        right = f"did you mean {close}?" if close else "known here: " + ", ".join(sorted(known))
        self._refuse(path, source, "is no setting", right)

    def _list(self, kind: inspect.VarTupleType, value: Any, key: str, source: str) -> Any:
        if not isinstance(value, list):
            return self._refuse(key, source, f"is {shown(value)}", f"write {_expected(kind)}")
        items = [self._value(kind.item_type, item, f"{key}[{index}]", source) for index, item in enumerate(value)]
        if any(item is _UNUSABLE for item in items):
            self.broken.add(key)
            return _UNUSABLE
        return tuple(items)

    def _table(self, kind: inspect.DictType, value: Any, key: str, source: str) -> Any:
        if not isinstance(value, dict):
            return self._refuse(key, source, f"is {shown(value)}", "write a table")
        items = {
            name: self._value(kind.value_type, item, f"{key}.{str(name)[:64]}", source) for name, item in value.items()
        }
        if any(item is _UNUSABLE for item in items.values()):
            self.broken.add(key)
            return _UNUSABLE
        return items

    def _single(self, kind: inspect.Type, value: Any, key: str, source: str) -> Any:
        good = _fits(kind, value)
        if good:
            return float(value) if isinstance(kind, inspect.FloatType) else value
        wrong = "has the wrong type" if key in _SECRETS else f"is {shown(value)}"
        if isinstance(kind, inspect.LiteralType) and isinstance(value, str):
            close = nearest(value, [str(one) for one in kind.values])
            hint = f" (did you mean {close}?)" if close else ""
            return self._refuse(key, source, wrong, f"write {_expected(kind)}{hint}")
        return self._refuse(key, source, wrong, f"write {_expected(kind)}")

    def _refuse(self, key: str, source: str, wrong: str, right: str) -> _Unusable:
        self.problems.append(Problem(key, source, wrong, right))
        self.broken.add(key)
        return _UNUSABLE


def _read_single(kind: inspect.Type, text: str) -> Any:
    if isinstance(kind, inspect.BoolType):
        return {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(kind, inspect.IntType):
        return int(text) if text.isascii() and _WHOLE.fullmatch(text) else text
    if isinstance(kind, inspect.FloatType):
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _fits(kind: inspect.Type, value: Any) -> bool:
    if isinstance(kind, inspect.BoolType):
        return isinstance(value, bool)
    if isinstance(kind, inspect.LiteralType):
        return isinstance(value, str) and value in kind.values
    if isinstance(kind, inspect.StrType):
        return isinstance(value, str) and "\x00" not in value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(kind, inspect.IntType):
        return isinstance(value, int) and -_LARGEST < value < _LARGEST
    return -_LARGEST < value < _LARGEST and math.isfinite(value)


def _expected(kind: inspect.Type) -> str:  # noqa: PLR0911 - one return a kind of type
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number"
        case inspect.FloatType():
            return "a number"
        case inspect.StrType():
            return "text"
        case inspect.LiteralType():
            return "one of " + ", ".join(str(one) for one in kind.values)
        case inspect.VarTupleType():
            return "a list of tables" if isinstance(kind.item_type, inspect.StructType) else "a list"
        case _:
            return "a table"


def _without_text(value: Any) -> Any:
    """Settings of features have no types here: read what came from variables as JSON, or keep it as text."""
    if isinstance(value, Text):
        try:
            return msgspec.json.decode(value.text)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return value.text
    if isinstance(value, dict):
        return {name: _without_text(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_text(item) for item in value]
    return value
