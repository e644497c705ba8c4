"""What types cannot say about settings."""

import binascii
import ipaddress
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import NamedTuple

from grantd.core.errors import InvalidScopeError
from grantd.core.issuers import check_issuer, issuer_authority, issuer_path
from grantd.core.scopes import parse_scope
from grantd.core.uris import is_host, is_loopback_host, is_port, split_uri
from grantd.server.settings.model import IssuerSettings, Lifetimes, ServerSettings, Settings

RESERVED_SEGMENTS = frozenset(
    {
        "account", "admin", "authorize", "challenge", "consent", "device", "device_authorization", "health",
        "interaction", "introspect", "jwks", "metrics", "par", "register", "revoke", "sign-in", "sign-out", "static",
        "status", "token", "userinfo",
    }
)  # fmt: skip
"""First path segments below an issuer that belong to its endpoints, so that no other issuer may begin with them."""

_YEAR = 31_536_000
_ACCENT = re.compile(r"#[0-9a-fA-F]{6}")
_FEATURE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LARGEST_PORT = 65_535
_SEALING_KEY_BYTES = 32
_SEALING_KEY_TEXT = 43


class Finding(NamedTuple):
    """A rule that does not hold.

    ``keys`` are the settings that it compares; the first is the one to change.
    """

    keys: tuple[str, ...]
    wrong: str
    right: str


_RANGES: dict[str, tuple[int, int]] = {
    "server.port": (0, _LARGEST_PORT),
    "server.limits.header_count": (8, 1_000),
    "server.limits.header_bytes": (1_024, 1_048_576),
    "server.limits.target_bytes": (256, 65_536),
    "server.limits.body_bytes": (1_024, 16_777_216),
    "server.limits.header_seconds": (1, 300),
    "server.limits.body_seconds": (1, 600),
    "server.limits.keep_alive_seconds": (1, 3_600),
    "server.limits.parameter_count": (16, 1_000),
    "server.limits.parameter_bytes": (256, 1_048_576),
    "server.limits.connections": (1, 1_000_000),
    "server.limits.drain_seconds": (0, 3_600),
    "store.group_size": (1, 1_024),
    "store.clean_up_seconds": (1, 86_400),
    "store.clean_up_rows": (1, 100_000),
    "metrics.port": (0, _LARGEST_PORT),
    "audit.retention_days": (1, 36_500),
}
_ISSUER_RANGES: dict[str, tuple[int, int]] = {
    "lifetimes.access_token": (1, 86_400),
    # OAuth 2.1 section 4.1.2 recommends ten minutes at most.
    "lifetimes.authorization_code": (1, 600),
    "lifetimes.interaction": (60, 86_400),
    "lifetimes.refresh_token": (1, 10 * _YEAR),
    "lifetimes.refresh_token_idle": (1, 10 * _YEAR),
    "lifetimes.refresh_token_public": (1, 10 * _YEAR),
    "lifetimes.refresh_token_public_idle": (1, 10 * _YEAR),
    # Longer than a lost answer needs only helps a thief.
    "lifetimes.refresh_overlap": (0, 60),
    "sessions.lifetime": (60, _YEAR),
    "sessions.idle": (60, _YEAR),
    "keys.rotate_seconds": (3_600, 10 * _YEAR),
    "keys.publish_seconds": (10, 30 * 86_400),
    "keys.jwks_max_age": (0, 86_400),
    "keys.rsa_bits": (2_048, 8_192),
    "throttle.client_failures": (1, 10_000),
    "throttle.client_window": (1, 86_400),
    "throttle.sign_in_failures": (1, 10_000),
    "throttle.sign_in_window": (1, 86_400),
}


def check_settings(settings: Settings) -> list[Finding]:
    """Return every rule that the settings break, in the order of the tree.

    Args:
        settings: values of the right types.
    """
    return [
        *_issuers(settings.issuers),
        *_ranges(settings, "", _RANGES),
        *_server(settings.server),
        *_store(settings),
        *_secrets(settings),
        *_operations(settings),
    ]


def _ranges(tree: object, prefix: str, ranges: dict[str, tuple[int, int]]) -> Iterator[Finding]:
    for path, (least, most) in ranges.items():
        value = tree
        for name in path.split("."):
            value = getattr(value, name)
        if isinstance(value, int | float) and not least <= value <= most:
            yield Finding((prefix + path,), f"is {value}", f"use a value from {least} to {most}")


def _issuers(issuers: tuple[IssuerSettings, ...]) -> Iterator[Finding]:
    if not issuers:
        yield Finding(("issuers",), "names no issuer", 'add one: [[issuers]] issuer = "https://login.example"')
    for index, issuer in enumerate(issuers):
        prefix = f"issuers[{index}]."
        problem = check_issuer(issuer.issuer)
        if problem:
            yield Finding((prefix + "issuer",), problem.wrong, problem.right)
        yield from _appearance(issuer, prefix)
        yield from _hosts(issuer, prefix)
        yield from _features(issuer, prefix)
        yield from _ranges(issuer, prefix, _ISSUER_RANGES)
        yield from _lifetimes(issuer.lifetimes, prefix + "lifetimes.")
        yield from _orders(issuer, prefix)
    yield from _collisions(issuers)


def _appearance(issuer: IssuerSettings, prefix: str) -> Iterator[Finding]:
    if len(issuer.name) > 100 or not (issuer.name.isprintable()):  # noqa: PLR2004 - fits the head of a page
        yield Finding((prefix + "name",), "is too long or has control characters", "use at most 100 characters")
    if issuer.accent and not _ACCENT.fullmatch(issuer.accent):
        yield Finding((prefix + "accent",), f"is {issuer.accent[:40]!r}", "write it as #rrggbb, such as #1f6feb")
    for name in ("logo_uri", "service_documentation", "op_policy_uri", "op_tos_uri"):
        value = getattr(issuer, name)
        if value and not _is_link(value):
            yield Finding((prefix + name,), "is no https URL", "write it like https://example.com/page")


def _is_link(value: str) -> bool:
    parts = split_uri(value)
    if parts is None or parts.userinfo is not None or not is_host(parts.host.lower()):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback_host(parts.host))


def _hosts(issuer: IssuerSettings, prefix: str) -> Iterator[Finding]:
    for index, value in enumerate(issuer.hosts):
        match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(.*))?", value, re.DOTALL)
        if match is None or not is_host(match[1]) or (match[2] is not None and not is_port(match[2])):
            yield Finding(
                (f"{prefix}hosts[{index}]",),
                f"is {value[:60]!r}",
                "write host or host:port in lower case, such as internal:9400",
            )


def _features(issuer: IssuerSettings, prefix: str) -> Iterator[Finding]:
    names = issuer.features or ()
    for index, name in enumerate(names):
        key = f"{prefix}features[{index}]"
        if not _FEATURE.fullmatch(name):
            yield Finding((key,), f"is {name[:60]!r}", "use the name of a feature: lower-case letters, digits and _")
        elif name in names[:index]:
            yield Finding((key,), f"names {name} again", "name each feature once")
    try:
        parse_scope(issuer.clients.default_scope)
    except InvalidScopeError:
        yield Finding(
            (prefix + "clients.default_scope",), "is no scope value", "write scope tokens separated by single spaces"
        )


def _lifetimes(lifetimes: Lifetimes, prefix: str) -> Iterator[Finding]:
    for idle, absolute in (
        ("refresh_token_idle", "refresh_token"),
        ("refresh_token_public_idle", "refresh_token_public"),
    ):
        if getattr(lifetimes, idle) > getattr(lifetimes, absolute):
            yield Finding(
                (prefix + idle, prefix + absolute),
                f"is longer than {absolute}, which ends everything at {getattr(lifetimes, absolute)} seconds",
                f"use at most {getattr(lifetimes, absolute)}",
            )


def _orders(issuer: IssuerSettings, prefix: str) -> Iterator[Finding]:
    sessions, keys = issuer.sessions, issuer.keys
    if sessions.idle > sessions.lifetime:
        yield Finding(
            (prefix + "sessions.idle", prefix + "sessions.lifetime"),
            f"is longer than lifetime ({sessions.lifetime})",
            f"use at most {sessions.lifetime}",
        )
    if not keys.algorithms:
        yield Finding((prefix + "keys.algorithms",), "is empty", 'name one at least, such as "ES256"')
    if len(set(keys.algorithms)) != len(keys.algorithms):
        yield Finding((prefix + "keys.algorithms",), "names an algorithm twice", "name each algorithm once")
    # A verifier may hold the old key set for its max-age, and another node learns of a key a few seconds late.
    if keys.publish_seconds < keys.jwks_max_age + 10:
        yield Finding(
            (prefix + "keys.publish_seconds", prefix + "keys.jwks_max_age"),
            f"is {keys.publish_seconds}, so a key could sign before every key set shows it",
            f"use at least jwks_max_age plus 10, which is {keys.jwks_max_age + 10}",
        )
    if keys.rotate_seconds <= keys.publish_seconds:
        yield Finding(
            (prefix + "keys.rotate_seconds", prefix + "keys.publish_seconds"),
            f"is not longer than publish_seconds ({keys.publish_seconds})",
            f"use more than {keys.publish_seconds}",
        )


def _collisions(issuers: tuple[IssuerSettings, ...]) -> Iterator[Finding]:
    places: dict[tuple[str, str], int] = {}
    for index, issuer in enumerate(issuers):
        key = f"issuers[{index}].issuer"
        path = issuer_path(issuer.issuer)
        for host in dict.fromkeys((issuer_authority(issuer.issuer), *issuer.hosts)):
            first = places.setdefault((host, path), index)
            if first == index:
                continue
            other = issuers[first].issuer
            keys = (key, f"issuers[{first}].issuer", f"issuers[{index}].hosts", f"issuers[{first}].hosts")
            if other == issuer.issuer:
                yield Finding(keys, f"is the same as that of issuers[{first}]", "give each issuer its own identifier")
            elif other.rstrip("/") == issuer.issuer.rstrip("/"):
                yield Finding(
                    keys, f"differs from that of issuers[{first}] only by a trailing slash", "keep one of the two"
                )
            else:
                yield Finding(
                    keys, f"answers on {host[:80]} at the same path as issuers[{first}]", "use another path or host"
                )
            break
    for (host, path), index in places.items():
        parent, _, rest = _parent(places, host, path)
        if parent is not None and rest.split("/")[1] in RESERVED_SEGMENTS:
            yield Finding(
                (f"issuers[{index}].issuer", f"issuers[{parent}].issuer"),
                f"has a path that is an endpoint of issuers[{parent}]",
                "use another path: those of endpoints are " + ", ".join(sorted(RESERVED_SEGMENTS)),
            )


def _parent(places: dict[tuple[str, str], int], host: str, path: str) -> tuple[int | None, str, str]:
    above = path
    while above:
        above = above.rpartition("/")[0]
        if (host, above) in places:
            return places[host, above], above, path[len(above) :]
    return None, "", ""


def _server(server: ServerSettings) -> Iterator[Finding]:
    if not _is_bindable(server.host):
        yield Finding(
            ("server.host",), f"is {server.host[:60]!r}", "write an address to listen on, such as 127.0.0.1 or 0.0.0.0"
        )
    for index, network in enumerate(server.trusted_proxies):
        key = f"server.trusted_proxies[{index}]"
        try:
            parsed = ipaddress.ip_network(network)
        except ValueError:
            yield Finding(
                (key,), f"is {network[:60]!r}", "write a network such as 10.0.0.0/8, without bits behind the prefix"
            )
        else:
            if parsed.prefixlen == 0:
                yield Finding((key,), "believes everybody", "name the networks of your proxies")


def _is_bindable(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return is_host(host)
    return True


def _store(settings: Settings) -> Iterator[Finding]:
    kind, colon, place = settings.store.url.partition(":")
    right = "write sqlite:PATH, or memory: for a server that forgets everything"
    if kind not in {"sqlite", "memory"} or not colon:
        yield Finding(("store.url",), "names no known kind of store", right)
    elif kind == "sqlite" and (not place or place.startswith(":") or "?" in place):
        yield Finding(("store.url",), "names no file", "write sqlite:PATH with a plain path")
    elif kind == "memory" and place:
        yield Finding(("store.url",), "has a path behind memory:", right)


def _secrets(settings: Settings) -> Iterator[Finding]:
    secrets = settings.secrets
    keys = ("secrets.sealing_key", "secrets.sealing_key_file")
    if secrets.sealing_key:
        if not is_sealing_key(secrets.sealing_key):
            yield Finding(
                ("secrets.sealing_key",),
                "is not 32 bytes as base64url",
                "use 32 random bytes, written as 43 characters",
            )
    elif not secrets.sealing_key_file and settings.store.url != "memory:":
        yield Finding(
            (*keys, "store.url"),
            "is missing, and the store keeps private keys",
            "set it, or secrets.sealing_key_file to a file of mode 0600 that holds 32 random bytes as base64url",
        )


def is_sealing_key(text: str) -> bool:
    """Whether ``text`` is exactly 32 bytes as base64url, with or without padding."""
    bare = text.removesuffix("=")
    if len(bare) != _SEALING_KEY_TEXT or not re.fullmatch(r"[A-Za-z0-9_\-]*", bare):
        return False
    try:
        return len(urlsafe_b64decode(bare + "=")) == _SEALING_KEY_BYTES
    except binascii.Error:
        return False


def _operations(settings: Settings) -> Iterator[Finding]:
    if not _is_bindable(settings.metrics.host):
        yield Finding(("metrics.host",), f"is {settings.metrics.host[:60]!r}", "write an address to listen on")
    if settings.metrics.port and settings.metrics.port == settings.server.port:
        yield Finding(
            ("metrics.port", "server.port"), "is also the server's port", "use another port; metrics are not public"
        )
    if not 0.01 <= settings.audit.flush_seconds <= 60:  # noqa: PLR2004 - stands in the message
        yield Finding(
            ("audit.flush_seconds",), f"is {settings.audit.flush_seconds}", "use a value from 0.01 to 60 seconds"
        )
    for name, version in settings.drafts.items():
        key = f"drafts.{name[:64]}"
        if not _FEATURE.fullmatch(name):
            yield Finding((key,), "is no name of a feature", "use lower-case letters, digits and _")
        if not re.fullmatch(r"-[0-9]{2}", version):
            yield Finding((key,), f"is {version[:40]!r}", 'name the version of the draft, such as "-02"')
