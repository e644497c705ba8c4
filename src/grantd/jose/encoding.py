"""base64url without padding (RFC 7515 section 2) and JSON objects of strangers, both strict."""

import binascii
import json
import math
import re
from json import JSONDecoder
from typing import Any, NoReturn

_TO_URL = bytes.maketrans(b"+/", b"-_")
# The standard alphabet and the padding turn into a character that strict decoding refuses.
_FROM_URL = bytes.maketrans(b"-_+/=\n\r", b"+/!!!!!")
_PADDING = (b"", b"", b"==", b"=")
# Bits behind the last whole octet must be zero, or one value would have several spellings.
_LAST_OF_TWO = frozenset(b"AQgw")
_LAST_OF_THREE = frozenset(b"AEIMQUYcgkosw048")
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)

_MAX_DIGITS = 20

DEFAULT_JSON_DEPTH = 16


def b64u_encode(data: bytes) -> bytes:
    """Return ``data`` as base64url without padding."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL, b"=")


def b64u_decode(text: bytes) -> bytes:
    """Decode canonical base64url without padding.

    Raises:
        ValueError: for any other alphabet, padding, white space, an impossible length or stray trailing bits.
    """
    rest = len(text) & 3
    if (
        rest == 1
        or (rest == 2 and text[-1] not in _LAST_OF_TWO)  # noqa: PLR2004 - characters of the last group
        or (rest == 3 and text[-1] not in _LAST_OF_THREE)  # noqa: PLR2004 - characters of the last group
    ):
        raise ValueError("not canonical base64url")
    return binascii.a2b_base64(text.translate(_FROM_URL) + _PADDING[rest], strict_mode=True)


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        # RFC 7515 section 4 and RFC 7519 section 4: names within an object are unique.
        raise ValueError("duplicated JSON member")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("JSON number out of range")
    return number


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError("JSON number out of range")
    return int(text)


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


_decode = JSONDecoder(
    object_pairs_hook=_unique_members, parse_float=_finite, parse_int=_integer, parse_constant=_no_constant
).decode


def _depth_within(text: str, limit: int) -> bool:
    if text.count("{") + text.count("[") <= limit:
        return True
    depth = 0
    for token in _STRING_OR_BRACKET.findall(text):
        if token in {"{", "["}:
            depth += 1
            if depth > limit:
                return False
        elif token in {"}", "]"}:
            depth -= 1
    return True


def strict_object(data: bytes, *, max_depth: int = DEFAULT_JSON_DEPTH) -> dict[str, Any]:
    """Decode a JSON object that a stranger wrote; the caller has limited its size.

    Args:
        data: UTF-8 text.
        max_depth: how many objects and arrays may lie inside each other.

    Raises:
        ValueError: when it is no UTF-8, no JSON (RFC 8259), no object, too deep, holds a lone surrogate, a number out
            of range, or a member twice in one object.
    """
    text = data.decode("utf-8")
    if not _depth_within(text, max_depth):
        raise ValueError("JSON nested too deeply")
    value = _decode(text)
    if not isinstance(value, dict):
        raise ValueError("JSON is no object")  # noqa: TRY004 - callers handle one class of error
    if "\\u" in text:
        # A lone surrogate cannot be written as UTF-8 again: encoding it raises.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value
