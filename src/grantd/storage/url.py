"""The URL of a store."""

from typing import NamedTuple


class StoreUrlError(ValueError):
    """The URL of the store cannot be understood; the message says what would be right."""


class StoreUrl(NamedTuple):
    """A parsed URL; ``path`` is empty for the in-memory store."""

    scheme: str
    path: str


def parse(url: str) -> StoreUrl:
    """Take a store URL apart.

    Args:
        url: ``sqlite:PATH`` (relative to the working directory, or absolute) or ``memory:``.

    Raises:
        StoreUrlError: it is neither; the message names the setting, the fault and the remedy.
    """
    scheme, colon, rest = url.partition(":")
    if not colon:
        raise StoreUrlError(
            f"store.url: {url!r} has no scheme; write `sqlite:PATH` or `memory:`, for example `sqlite:{url}`"
        )
    if scheme == "memory":
        if rest:
            raise StoreUrlError(f"store.url: nothing may follow `memory:`, but {rest!r} does")
        return StoreUrl("memory", "")
    if scheme != "sqlite":
        # The rest may hold a password: it is not repeated.
        raise StoreUrlError(
            f"store.url: {scheme!r} is not a store that this version has; it has `sqlite:PATH` and `memory:`"
        )
    if rest.startswith("//"):
        raise StoreUrlError(
            f"store.url: write the path right behind the colon, `sqlite:{rest.lstrip('/') or 'PATH'}` or "
            f"`sqlite:/{rest.lstrip('/') or 'PATH'}`, without `//`"
        )
    if not rest or "\0" in rest:
        raise StoreUrlError("store.url: `sqlite:` needs the path of a file, for example `sqlite:grantd.sqlite3`")
    if rest == ":memory:":
        raise StoreUrlError("store.url: write `memory:` for a store that forgets everything at exit")
    return StoreUrl("sqlite", rest)
