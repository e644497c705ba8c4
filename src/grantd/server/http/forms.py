"""The one parser of ``application/x-www-form-urlencoded``, for queries and bodies alike.

OAuth 2.1 appendix B: UTF-8, ``+`` is a space. Sections 3.1 and 3.2: a parameter without a value counts as absent, a
repeated one is refused, an unknown one is ignored.

A fault that belongs to one parameter (repeated, malformed, too long) may be kept for later: the authorization
endpoint needs ``client_id``, ``redirect_uri`` and ``state`` to send the error where it belongs. Such a parameter is
never readable, so that nothing can be decided on one of two values.
"""

import re
from binascii import a2b_qp
from collections.abc import Iterator, Mapping
from urllib.parse import unquote_to_bytes

from grantd.core.errors import InvalidRequestError
from grantd.server.http.messages import Request
from grantd.server.settings.model import LimitSettings

FORM_CONTENT_TYPE = b"application/x-www-form-urlencoded"

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_BROKEN_ESCAPE = re.compile(b"%(?![0-9A-Fa-f]{2})")
_SHOWN_NAME = 64


class _Malformed(Exception):  # noqa: N818 - a signal inside this module, never seen outside
    """What is wrong with a name or value, as the end of a sentence."""


class Parameters:
    """Decoded parameters of one request; immutable.

    Iteration yields the names of readable and faulty parameters in the order of their first appearance.

    Attributes:
        faults: what is wrong, by parameter name; empty unless parsing was asked to defer.
    """

    __slots__ = ("_plain", "_repeated", "_values", "faults")

    faults: Mapping[str, str]

    def __init__(
        self,
        values: dict[str, str],
        *,
        repeated: Mapping[str, tuple[str, ...]] | None = None,
        faults: Mapping[str, str] | None = None,
    ) -> None:
        self._values = values
        self._repeated = repeated or {}
        self.faults = faults or {}
        self._plain = not faults and not repeated

    def get(self, name: str) -> str | None:
        """Return the value of ``name``, ``None`` when absent.

        Raises:
            InvalidRequestError: the parameter is faulty, or came several times and ``all`` is the way to read it.
        """
        if not self._plain:
            if name in self.faults:
                raise InvalidRequestError(self.faults[name])
            if name in self._repeated:
                raise InvalidRequestError(_repeated_sentence(name))
        return self._values.get(name)

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of ``name`` in order, ``()`` when absent.

        Raises:
            InvalidRequestError: the parameter is faulty.
        """
        if self.faults and name in self.faults:
            raise InvalidRequestError(self.faults[name])
        if self._repeated and name in self._repeated:
            return self._repeated[name]
        value = self._values.get(name)
        return () if value is None else (value,)

    def require(self, name: str) -> str:
        """Return the value of ``name``.

        Raises:
            InvalidRequestError: the parameter is missing, empty, faulty, or came several times.
        """
        value = self.get(name)
        if value is None:
            raise InvalidRequestError(f"the parameter '{name}' is missing")
        return value

    def peek(self, name: str) -> str | None:
        """Return the value of ``name`` if it is there, single and sound; never raises."""
        if name in self.faults or name in self._repeated:
            return None
        return self._values.get(name)

    def check(self) -> None:
        """Raise the first kept fault.

        Raises:
            InvalidRequestError: names the parameter.
        """
        for sentence in self.faults.values():
            raise InvalidRequestError(sentence)

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield every readable name and value, repeated ones once per value."""
        for name, value in self._values.items():
            if name in self.faults:
                continue
            for each in self._repeated.get(name, (value,)):
                yield name, each

    def __contains__(self, name: object) -> bool:
        return name in self._values or name in self.faults

    def __iter__(self) -> Iterator[str]:
        yield from self._values
        yield from (name for name in self.faults if name not in self._values)

    def __len__(self) -> int:
        return len(self._values) + sum(name not in self._values for name in self.faults)

    def __repr__(self) -> str:
        # Values may be secrets, names are not.
        return f"Parameters({', '.join(map(repr, self))})"


EMPTY = Parameters({})


def parse(raw: bytes, *, repeatable: frozenset[str], limits: LimitSettings, defer: bool = False) -> Parameters:
    """Decode a query or body (OAuth 2.1 appendix B).

    Args:
        raw: the query without ``?``, or the body.
        repeatable: names that may come several times; ``Parameters.all`` reads them.
        limits: ``parameter_count`` and ``parameter_bytes`` (decoded, of names and of values) hold here.
        defer: keep faults of single parameters for access or ``Parameters.check`` instead of raising at once.

    Raises:
        InvalidRequestError: too many parameters; without ``defer`` also any faulty parameter, by its name.
    """
    if raw.count(b"&") >= limits.parameter_count:
        raise InvalidRequestError(f"more than {limits.parameter_count} parameters")
    # Surrogates mark bare octets outside ASCII; decoding each part turns them back.
    text = raw.decode("ascii", "surrogateescape")
    plain = len(text) <= limits.parameter_bytes and text.isprintable()
    values: dict[str, str] = {}
    more: list[tuple[str, str]] = []
    faults: dict[str, str] = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        if not plain or "%" in pair or "+" in pair:
            try:
                if not plain or "%" in name or "+" in name:
                    name = _decode(name, limits.parameter_bytes)
                value = _decode(value, limits.parameter_bytes)
            except _Malformed as problem:
                faults.setdefault(name, f"the parameter '{_shown(name)}' {problem}")
                continue
        # Sections 3.1 and 3.2: a parameter sent without a value is treated as if it were omitted.
        if not value:
            continue
        if name in values:
            more.append((name, value))
        else:
            values[name] = value
    parameters = Parameters(
        values, repeated=_sort_out(values, more, repeatable, faults) if more else None, faults=faults
    )
    if faults and not defer:
        parameters.check()
    return parameters


def _sort_out(
    values: dict[str, str], more: list[tuple[str, str]], repeatable: frozenset[str], faults: dict[str, str]
) -> dict[str, tuple[str, ...]]:
    """Divide second and later values into those that may be there and faults."""
    repeated: dict[str, tuple[str, ...]] = {}
    for name, value in more:
        # Sections 3.1 and 3.2: parameters must not be included more than once.
        if name not in repeatable:
            faults.setdefault(name, _repeated_sentence(name))
        else:
            repeated[name] = (*repeated.get(name, (values[name],)), value)
    return repeated


def form_body(
    request: Request, *, repeatable: frozenset[str], limits: LimitSettings, defer: bool = False
) -> Parameters:
    """Decode the body of a POST after checking its content type.

    Args:
        request: the request.
        repeatable: as for ``parse``.
        limits: as for ``parse``.
        defer: as for ``parse``.

    Raises:
        InvalidRequestError: another content type, another charset than UTF-8, a content coding, or as ``parse``.
    """
    declared: bytes | None = None
    acceptable = True
    for name, value in request.headers:
        if name == b"content-type":
            acceptable = acceptable and declared is None
            declared = value
        elif name == b"content-encoding" and value.strip().lower() != b"identity":
            raise InvalidRequestError("send the body without a Content-Encoding")
    if declared is None or not acceptable or (declared != FORM_CONTENT_TYPE and not _is_form(declared)):
        raise InvalidRequestError("send the parameters as content type application/x-www-form-urlencoded, in UTF-8")
    return parse(request.body, repeatable=repeatable, limits=limits, defer=defer)


def _is_form(content_type: bytes) -> bool:
    """Tell whether a Content-Type value is the form type with no charset but UTF-8 (RFC 9110 section 8.3.1)."""
    media_type, *options = content_type.lower().split(b";")
    if media_type.strip() != FORM_CONTENT_TYPE:
        return False
    for option in options:
        name, _, value = option.partition(b"=")
        if name.strip() == b"charset" and value.strip().strip(b'"') not in {b"utf-8", b"utf8"}:
            return False
    return True


def _decode(text: str, limit: int) -> str:
    """Decode one name or value; ``limit`` in bytes.

    Raises:
        _Malformed: a broken escape, broken UTF-8, a control character, or too long.
    """
    if "+" in text:
        text = text.replace("+", " ")
    if "%" in text or not text.isascii():
        try:
            text = _octets(text).decode()
        except UnicodeDecodeError:
            raise _Malformed("is not UTF-8") from None
    if not text.isprintable() and _CONTROL.search(text):
        raise _Malformed("holds a control character")
    # A character takes at most four bytes.
    if 4 * len(text) > limit and len(text.encode()) > limit:
        raise _Malformed(f"is longer than {limit} bytes")
    return text


def _octets(text: str) -> bytes:
    """Undo percent escapes.

    Raises:
        _Malformed: a percent sign without two hexadecimal digits.
    """
    octets = text.encode("ascii", "surrogateescape")
    if "=" in text or not text.isprintable():
        if _BROKEN_ESCAPE.search(octets):
            raise _Malformed("holds a malformed percent escape")
        return unquote_to_bytes(octets)
    # Quoted-printable differs only in its escape character and its line ends, and the standard library decodes it in
    # C, seven times as fast. It lets broken escapes pass, but every sound one shortens the text by two, others less.
    decoded = a2b_qp(octets.replace(b"%", b"="))
    if len(decoded) != len(octets) - 2 * octets.count(b"%"):
        raise _Malformed("holds a malformed percent escape")
    return decoded


def _shown(name: str) -> str:
    """Return a name as an error may show it; the error class replaces what the wire forbids."""
    return name if len(name) <= _SHOWN_NAME else name[:_SHOWN_NAME] + "..."


def _repeated_sentence(name: str) -> str:
    return f"the parameter '{_shown(name)}' is repeated; send it once"
