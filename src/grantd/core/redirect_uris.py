"""Redirect URIs: what may be registered, what a request may name, and how an answer is put on one.

OAuth 2.1 sections 2.3, 4.1.1 and 8.4.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal
from urllib.parse import quote_plus

from grantd.core.uris import MAX_URI_LENGTH, Uri, has_dot_segment, is_host, is_port, query_names, split_uri

RESPONSE_PARAMETERS = frozenset(
    {"code", "state", "iss", "error", "error_description", "error_uri", "response", "id_token"}
)
"""Names that an authorization response adds; a registered query must not use them already."""

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "[::1]", "localhost"})
"""Hosts that a plain http redirect URI may have."""

_DANGEROUS_SCHEMES = frozenset(
    {
        "about", "blob", "content", "data", "file", "filesystem", "ftp", "intent", "jar", "javascript", "mailto",
        "sms", "tel", "urn", "vbscript", "view-source", "ws", "wss",
    }
)  # fmt: skip
_LOOPBACK_IP = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::([0-9]{1,5}))?((?:[/?].*)?)", re.DOTALL)
_LOOPBACK_IP_STARTS = ("http://127.0.0.1", "http://[::1]")
_NEEDS_NO_ENCODING = re.compile(r"[A-Za-z0-9_.\-~]*")


def check_redirect_uri(uri: str, *, application_type: Literal["web", "native"] = "native") -> str | None:
    """Say what is wrong with a redirect URI that a client wants to register.

    Args:
        uri: the redirect URI as the client wrote it.
        application_type: ``web`` clients may register https only; ``native`` ones also plain http on loopback hosts
            and private-use schemes (OAuth 2.1 section 8.4). An https URI never changes what a client is (OA21-155).

    Returns:
        A sentence for the client's developer, or ``None`` when it may be registered.
    """
    if len(uri) > MAX_URI_LENGTH:
        return f"a redirect URI has at most {MAX_URI_LENGTH} characters"
    parts = split_uri(uri)
    # 2.3: an absolute URI.
    if parts is None:
        return "a redirect URI must be an absolute URI such as https://app.example/callback, in ASCII"
    return _check_common(parts) or _check_scheme(parts, application_type)


def _check_common(parts: Uri) -> str | None:  # noqa: PLR0911 - one return a rule reads best
    # 2.3: no fragment, not even an empty one.
    if parts.fragment is not None:
        return "a redirect URI must not have a fragment; leave out # and what follows it"
    if parts.scheme != parts.scheme.lower():
        return f"write the scheme in lower case: {parts.scheme.lower()}"
    if parts.userinfo is not None:
        return "a redirect URI must not carry a user name; leave out what stands before @"
    # 2.3.1, RFC 9700 section 4.1: complete URIs, no patterns.
    if "*" in (parts.authority or "") + parts.path + (parts.query or ""):
        return "wildcards are not allowed; register each complete redirect URI"
    if has_dot_segment(parts.path):
        return "the path must not have . or .. segments; write the path that they lead to"
    # 3.1 demands each response parameter at most once; a query that has one already breaks that (open point 7).
    taken = sorted(query_names(parts.query or "") & RESPONSE_PARAMETERS)
    if taken:
        return f"the query already has {', '.join(taken)}, which the response adds; rename that parameter"
    return None


def _check_scheme(  # noqa: PLR0911 - one return a rule reads best
    parts: Uri, application_type: Literal["web", "native"]
) -> str | None:
    if parts.scheme == "https":
        return _check_web(parts)
    if parts.scheme in _DANGEROUS_SCHEMES:
        return f"the scheme {parts.scheme} is never allowed; use https"
    if application_type == "web":
        return "a web application needs an https redirect URI; register the client as native for other kinds"
    if parts.scheme == "http":
        # 1.5: http only for loopback.
        if parts.host not in LOOPBACK_HOSTS:
            return "http is allowed for 127.0.0.1, [::1] and localhost only; use https"
        return _check_web(parts)
    # 2.3.1: a private-use scheme is a reversed domain name, so it has a period.
    if "." not in parts.scheme:
        return f"the private-use scheme {parts.scheme} needs a period, such as com.example.app"
    if not parts.authority and len(parts.path) < 2:  # noqa: PLR2004 - a slash alone names nothing
        return "a redirect URI must be complete, path included, such as com.example.app:/callback"
    return None


def _check_web(parts: Uri) -> str | None:
    if not is_host(parts.host.lower()):
        return "the host must be a DNS name or an IP address in ASCII; write other names in punycode"
    # 2.3.1: the complete URI, path included.
    if not parts.path:
        return "a redirect URI must be complete, path included; write / after the host at least"
    return None


def match_redirect_uri(requested: str, registered: str) -> bool:
    """Whether a requested redirect URI is the registered one (OAuth 2.1 sections 2.3.1 and 8.4.2).

    Args:
        requested: foreign text.
        registered: a redirect URI that ``check_redirect_uri`` accepted.

    Returns:
        ``True`` when both are equal code point by code point, or differ only in the port of a loopback IP address.
    """
    # 2.3.1: simple string comparison, nothing normalised.
    if requested == registered:
        return True
    # 8.4.2: any port on a loopback IP literal; localhost is a name and gets no such leave.
    if not registered.startswith(_LOOPBACK_IP_STARTS) or len(requested) > MAX_URI_LENGTH:
        return False
    ours = _LOOPBACK_IP.fullmatch(registered)
    theirs = _LOOPBACK_IP.fullmatch(requested)
    if ours is None or theirs is None:
        return False
    port = theirs[2]
    return ours[1] == theirs[1] and ours[3] == theirs[3] and (port is None or is_port(port))


def match_any_redirect_uri(requested: str, registered: Iterable[str]) -> bool:
    """Whether a requested redirect URI is one of the registered ones; see ``match_redirect_uri``."""
    return any(match_redirect_uri(requested, one) for one in registered)


def add_response_parameters(uri: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Put response parameters into the query of a redirect URI, form-encoded.

    Args:
        uri: a redirect URI that matched a registered one, so it has no fragment.
        parameters: names and values in order.

    Returns:
        The URI with its own query kept as it is (OAuth 2.1 section 2.3) and the parameters behind it.
    """
    encoded = "&".join(f"{_form(name)}={_form(value)}" for name, value in parameters)
    if not encoded:
        return uri
    if "?" not in uri:
        return f"{uri}?{encoded}"
    return f"{uri}{encoded}" if uri.endswith(("?", "&")) else f"{uri}&{encoded}"


def _form(text: str) -> str:
    return text if _NEEDS_NO_ENCODING.fullmatch(text) else _quoted(text)


# The issuer stands in every response (RFC 9207), encoded the same way each time.
_quoted = lru_cache(maxsize=64)(quote_plus)
