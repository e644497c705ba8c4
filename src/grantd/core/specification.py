"""How a feature names the text that it implements."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["standard", "draft", "house"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Specification:
    """The text behind a feature; the documentation's table of specifications builds itself from these.

    Args:
        title: full title of the text.
        number: ``"RFC 7662"``, or the draft's name without its version.
        version: month of publication for a standard (``"2015-10"``), or the draft's version (``"-15"``).
        status: ``standard``, ``draft`` (an operator names the version to switch it on), or ``house`` for what is ours.
        link: where to read it.
        prefixes: requirement prefixes of the digests that cover it, for the conformance table.
    """

    title: str
    number: str
    version: str
    status: Status
    link: str
    prefixes: tuple[str, ...] = ()
