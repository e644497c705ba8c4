"""Text of strangers, and durations, made fit for a page."""

import unicodedata
from collections.abc import Callable
from urllib.parse import urlsplit

from markupsafe import Markup

LONGEST = 120
"""Characters of a stranger's text that a page shows: a name must not push the decision out of sight."""

_MARKS = 2
_JOINERS = "\u200c\u200d"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400

Plural = Callable[[str, str, int], str]


def plain(text: str, longest: int = LONGEST) -> str:
    """Return one line that stays in its place: no controls, no direction overrides, no towers of accents, not long.

    Args:
        text: what a stranger wrote; the result still needs escaping.
        longest: characters to keep; a cut shows as an ellipsis.
    """
    kept: list[str] = []
    marks = 0
    for character in text[: longest * 4]:
        category = unicodedata.category(character)
        if category.startswith("M"):
            marks += 1
            if marks > _MARKS:
                continue
        else:
            marks = 0
        if category[0] == "Z" or character in "\t\n\r":
            kept.append(" ")
        elif category[0] != "C" or character in _JOINERS:
            kept.append(character)
    line = " ".join("".join(kept).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def foreign(text: str, longest: int = LONGEST) -> Markup:
    """Return a stranger's text as escaped HTML whose writing direction cannot reach what stands around it."""
    return Markup("<bdi>{}</bdi>").format(plain(text, longest))


def host(text: str, longest: int = 80) -> Markup:
    """Return a host as escaped HTML; a long one loses its beginning, because its end says whose it is."""
    line = plain(text, 1000)
    return Markup("<bdi>{}</bdi>").format(line if len(line) <= longest else "…" + line[-longest + 1 :])


def initial(text: str) -> str:
    """Return the letter that stands for a name in its tile."""
    return next((character.upper()[0] for character in text if character.isalnum()), "?")


def web_link(address: str) -> str:
    """Return the address when a page may link to it (http and https only), otherwise an empty string."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return address if parts.scheme in {"http", "https"} and parts.netloc else ""


def duration(seconds: int, ngettext: Plural) -> str:
    """Return a length of time in words, never shorter than it is: ``30 days``, ``1 hour 30 minutes``.

    Args:
        seconds: at least 0.
        ngettext: chooses and translates the plural.
    """
    if seconds < _MINUTE:
        return ngettext("%(num)d second", "%(num)d seconds", seconds) % {"num": seconds}
    step = _MINUTE if seconds < _DAY else _HOUR
    rest = -(-seconds // step) * step
    words = []
    for size, one, many in (
        (_DAY, "%(num)d day", "%(num)d days"),
        (_HOUR, "%(num)d hour", "%(num)d hours"),
        (_MINUTE, "%(num)d minute", "%(num)d minutes"),
    ):
        count, rest = divmod(rest, size)
        if count:
            words.append(ngettext(one, many, count) % {"num": count})
    return " ".join(words)
