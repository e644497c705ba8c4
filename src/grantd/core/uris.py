"""URIs as RFC 3986 writes them: split strictly, never normalised, never repaired.

The standard library's parser repairs what it reads (it drops tabs and newlines, for instance), and a repaired URI is
another URI than the one that a browser will follow. This one refuses instead.
"""

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import unquote_plus

MAX_URI_LENGTH = 2_048
"""Longest URI, in characters, that any role stores or compares."""

_CHARACTERS = r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*"
_WELL_FORMED = re.compile(_CHARACTERS)
# RFC 3986 appendix B, with the parts of the authority (section 3.2) named.
_PARTS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):"
    r"(?://(?P<authority>(?:(?P<userinfo>[^/?#@\[\]]*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#@:\[\]]*)(?::(?P<port>[0-9]*))?))?"
    r"(?P<path>[^?#\[\]]*)"
    r"(?:\?(?P<query>[^#\[\]]*))?"
    r"(?:#(?P<fragment>[^\[\]]*))?"
)
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?)*"
)
_DOT_SEGMENT = re.compile(r"/(?:\.|%2[Ee]){1,2}(?:/|\Z)")
_LARGEST_PORT = 65_535
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class Uri(NamedTuple):
    """The parts of an absolute URI exactly as they were written; ``None`` where a part is absent."""

    scheme: str
    authority: str | None
    userinfo: str | None
    host: str
    """Without a port; an IPv6 address keeps its brackets."""
    port: str | None
    path: str
    query: str | None
    fragment: str | None


def split_uri(text: str) -> Uri | None:
    """Split an absolute URI (RFC 3986 section 3).

    Args:
        text: foreign text of any length.

    Returns:
        The parts, or ``None`` when ``text`` has no scheme, has characters that a URI cannot have, is longer than
        ``MAX_URI_LENGTH`` characters, or names an impossible port or IPv6 address.
    """
    if len(text) > MAX_URI_LENGTH or _WELL_FORMED.fullmatch(text) is None:
        return None
    match = _PARTS.fullmatch(text)
    if match is None:
        return None
    host = match["host"] or ""
    port = match["port"]
    if port is not None and not is_port(port):
        return None
    if host.startswith("[") and not _is_ipv6(host[1:-1]):
        return None
    return Uri(
        match["scheme"],
        match["authority"],
        match["userinfo"],
        host,
        port,
        match["path"],
        match["query"],
        match["fragment"],
    )


def is_port(text: str) -> bool:
    """Whether ``text`` is a port between 1 and 65535 in plain ASCII digits without leading zeros."""
    return text.isascii() and text.isdigit() and text[0] != "0" and len(text) <= 5 and int(text) <= _LARGEST_PORT  # noqa: PLR2004 - digits of the largest port


def is_host(text: str) -> bool:
    """Whether ``text`` is a lower-case DNS name, an IPv4 address, or an IPv6 address in brackets."""
    if text.startswith("["):
        return text.endswith("]") and text == text.lower() and _is_ipv6(text[1:-1])
    if _HOST_NAME.fullmatch(text) is None:
        return False
    # A name whose last label is a number is an IPv4 address to every browser (URL Standard, "ends in a number").
    if text.rsplit(".", 1)[-1].isdigit():
        return _is_ipv4(text)
    return True


def is_loopback_host(host: str) -> bool:
    """Whether a host is ``localhost``, an address of 127.0.0.0/8, or ``[::1]``."""
    if host in {"localhost", "[::1]"}:
        return True
    return host.startswith("127.") and _is_ipv4(host)


def has_dot_segment(path: str) -> bool:
    """Whether a path has a ``.`` or ``..`` segment, percent-encoded or not; browsers would remove it."""
    return _DOT_SEGMENT.search(path) is not None


def query_names(query: str) -> frozenset[str]:
    """Return the form-decoded parameter names of a query string."""
    return frozenset(unquote_plus(pair.partition("=")[0], errors="replace") for pair in query.split("&") if pair)


def origin_of(uri: str) -> str | None:
    """Return the origin of an http or https URI as browsers write it in ``Origin``.

    Args:
        uri: an absolute URI.

    Returns:
        ``scheme://host`` with ``:port`` unless it is the scheme's default (RFC 6454 section 6.2); ``None`` for every
        other scheme and for text that is no URI.
    """
    parts = split_uri(uri)
    if parts is None or not parts.host:
        return None
    scheme = parts.scheme.lower()
    default = _DEFAULT_PORTS.get(scheme)
    if default is None:
        return None
    port = "" if parts.port in {None, default} else f":{parts.port}"
    return f"{scheme}://{parts.host.lower()}{port}"


def check_resource(uri: str) -> str | None:
    """Say what is wrong with a resource indicator (RFC 8707 section 2, RI-06).

    Args:
        uri: the value of ``resource``.

    Returns:
        A sentence for the client's developer, or ``None`` when the syntax is right.
    """
    parts = split_uri(uri)
    # RFC 8707 section 2: an absolute URI as RFC 3986 section 4.3 defines it.
    if parts is None or not (parts.authority or parts.path):
        return "resource must be an absolute URI such as https://api.example/ with at most 2048 characters"
    # RFC 8707 section 2: no fragment component, not even an empty one.
    if parts.fragment is not None:
        return "resource must not have a fragment; leave out # and what follows it"
    return None


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
