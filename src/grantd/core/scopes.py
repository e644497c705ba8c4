"""Scope values: an ordered set of tokens without duplicates (OAuth 2.1 section 1.4.1)."""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from grantd.core.errors import InvalidScopeError

MAX_SCOPE_LENGTH = 4_096
"""Longest scope value in characters."""

# 1.4.1: scope-token *( SP scope-token ), each token of %x21 / %x23-5B / %x5D-7E.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


def parse_scope(text: str) -> tuple[str, ...]:
    """Read a scope value.

    Args:
        text: foreign text; the empty string stands for no scope at all.

    Returns:
        The tokens in the order of their first appearance.

    Raises:
        InvalidScopeError: the text is longer than ``MAX_SCOPE_LENGTH`` or does not follow the grammar.
    """
    if len(text) > MAX_SCOPE_LENGTH:
        raise InvalidScopeError(f"scope has more than {MAX_SCOPE_LENGTH} characters")
    return _parse(text)


@lru_cache(maxsize=1_024)
def _parse(text: str) -> tuple[str, ...]:
    # The same few values come with every request of a client; long ones are refused before they could fill this.
    if not text:
        return ()
    if _SCOPE.fullmatch(text) is None:
        raise InvalidScopeError(
            "scope must be tokens of printable ASCII, without quotation marks and backslashes, "
            "separated by single spaces"
        )
    return tuple(dict.fromkeys(text.split(" ")))


def format_scope(scopes: Iterable[str]) -> str:
    """Write tokens as a scope value, in the order given."""
    return " ".join(scopes)


def is_subset(scopes: Iterable[str], allowed: Collection[str]) -> bool:
    """Whether every token of ``scopes`` is in ``allowed``."""
    return all(scope in allowed for scope in scopes)


def narrow(scopes: Iterable[str], allowed: Collection[str]) -> tuple[str, ...]:
    """Return the tokens of ``scopes`` that are in ``allowed``, in the order of ``scopes``."""
    return tuple(scope for scope in scopes if scope in allowed)
