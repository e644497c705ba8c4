"""Issuer identifiers and the well-known paths that follow from one (RFC 8414 sections 2 and 3, RFC 9207 section 2)."""

import re
from typing import NamedTuple

from grantd.core.uris import is_host, is_loopback_host, split_uri

_PATH = re.compile(r"(?:/[A-Za-z0-9\-._~!$&'()+,;=:@]+)*/?")
_DEFAULT_PORTS = {"https": "443", "http": "80"}


class IssuerProblem(NamedTuple):
    """What is wrong with an issuer identifier, and what would be right."""

    wrong: str
    right: str


class WellKnownPaths(NamedTuple):
    """Where one well-known document of an issuer is found, as paths on the issuer's host."""

    inserted: str
    """``/.well-known/SUFFIX`` before the issuer's path (RFC 8414 section 3.1)."""
    appended: str
    """Behind the issuer's path, as OpenID Connect Discovery does; equal to ``inserted`` without a path."""


def check_issuer(issuer: str) -> IssuerProblem | None:  # noqa: PLR0911 - one return a rule reads best
    """Say what is wrong with an issuer identifier.

    Strings are compared code point by code point (RFC 8414 section 4), so only the one usual spelling is let in.

    Args:
        issuer: the configured identifier.

    Returns:
        The first problem, or ``None``.
    """
    if not issuer.isascii():
        return IssuerProblem("has letters outside ASCII", f"write the host in punycode{_punycode(issuer)}")
    parts = split_uri(issuer)
    if parts is None:
        return IssuerProblem("is no absolute URL", "write it like https://login.example")
    # RFC 8414 section 2: no query, no fragment, not even empty ones.
    if parts.query is not None or parts.fragment is not None:
        return IssuerProblem("has a query or a fragment", "leave out ? or # and what follows")
    if parts.userinfo is not None:
        return IssuerProblem("carries a user name", "leave out what stands before @")
    if parts.scheme != parts.scheme.lower() or parts.host != parts.host.lower():
        return IssuerProblem("has upper-case letters in its scheme or host", "write scheme and host in lower case")
    # RFC 8414 section 2: https; a loopback host never leaves the machine.
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback_host(parts.host)):
        return IssuerProblem(
            "does not begin with https://", "use https; http is for localhost, 127.0.0.0/8 and [::1] only"
        )
    if not is_host(parts.host):
        return IssuerProblem("has no valid host", "write a DNS name, an IPv4 address or an IPv6 address in brackets")
    if parts.port == _DEFAULT_PORTS[parts.scheme]:
        return IssuerProblem(f"names the default port {parts.port}", f"leave out :{parts.port}")
    return _check_path(parts.path)


def _check_path(path: str) -> IssuerProblem | None:
    segments = path.split("/")
    if "." in segments or ".." in segments or ".well-known" in segments:
        return IssuerProblem("has a segment ., .. or .well-known in its path", "choose another path")
    if _PATH.fullmatch(path) is None:
        return IssuerProblem(
            "has a path with empty segments, wildcards or percent-encoding", "use letters, digits, - . _ and ~"
        )
    return None


def issuer_path(issuer: str) -> str:
    """Return the path of a checked issuer identifier without a trailing slash; empty for a bare host."""
    rest = issuer.partition("://")[2]
    slash = rest.find("/")
    return "" if slash < 0 else rest[slash:].rstrip("/")


def issuer_authority(issuer: str) -> str:
    """Return host and port of a checked issuer identifier, as a ``Host`` header names them."""
    return issuer.partition("://")[2].partition("/")[0]


def endpoint_url(issuer: str, path: str) -> str:
    """Return the URL of an endpoint below an issuer.

    Args:
        issuer: a checked issuer identifier.
        path: the endpoint's path within the issuer, beginning with ``/``.
    """
    return issuer.rstrip("/") + path


def well_known_paths(issuer: str, suffix: str) -> WellKnownPaths:
    """Derive both paths of a well-known document.

    Args:
        issuer: a checked issuer identifier; a trailing slash is dropped first (RFC 8414 section 3.1).
        suffix: registered name such as ``oauth-authorization-server``.
    """
    path = issuer_path(issuer)
    return WellKnownPaths(inserted=f"/.well-known/{suffix}{path}", appended=f"{path}/.well-known/{suffix}")


def _punycode(issuer: str) -> str:
    host = issuer.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
    try:
        return ": " + host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
