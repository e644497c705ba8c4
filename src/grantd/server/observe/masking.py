"""The safety net under logs and audit events: values whose name says that they are secret never come through.

The first rule stays: do not log a secret. This module is for the day when somebody does.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

MASK = "[masked]"

_SECRET_WORDS = frozenset(
    {
        "apikey", "assertion", "authorization", "code", "codes", "cookie", "cookies", "credential", "credentials",
        "csrf", "dpop", "jwt", "key", "otp", "passphrase", "passwd", "password", "passwords", "pin", "proof", "secret",
        "secrets", "seed", "token", "tokens", "verifier",
    }
)  # fmt: skip
_SECRET_NAMES = frozenset({"request_uri"})
_HARMLESS = frozenset({"error_code", "exit_code", "public_key", "reason_code", "status_code", "record_key", "key"})
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_DEEPEST = 6
# What frameworks and exceptions write into running text: query strings, form bodies, headers.
_PAIR = re.compile(
    r"(?i)\b((?:[a-z_]*_)?(?:code|code_verifier|token|secret|password|assertion|cookie|request_uri|state)"
    r"(?:=|[\"']\s*:\s*[\"']))([^\s&\"',;]{4,})"
)
_SCHEME = re.compile(r"(?i)\b(bearer|basic|dpop)\s+([A-Za-z0-9._~+/=\-]{6,})")


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether a name, such as ``client_secret`` or ``refreshToken``, stands for a secret.

    Args:
        name: a key in any common spelling.
    """
    if len(name) > 128:  # noqa: PLR2004 - no honest name is longer
        return True
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or "_".join(words) in _HARMLESS:
        return False
    return words[-1] in _SECRET_WORDS or "".join(words) in _SECRET_WORDS or "_".join(words) in _SECRET_NAMES


def mask_value(value: object, depth: int = 0) -> object:  # noqa: PLR0911 - one return a kind of value
    """Return a value with the secrets inside its mappings masked.

    Args:
        value: any value; lists, tuples and mappings are looked through.
        depth: levels above it; beyond six everything is masked.
    """
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, int | float) or value is None:
        return value
    if depth >= _DEEPEST:
        return MASK
    if isinstance(value, Mapping):
        return {
            str(name): MASK if is_secret_name(str(name)) else mask_value(item, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [mask_value(item, depth + 1) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return MASK
    return mask_text(str(value))


def mask_text(text: str) -> str:
    """Return running text with the secrets masked that look like parameters or ``Authorization`` values."""
    if "=" not in text and ":" not in text and " " not in text:
        return text
    return _SCHEME.sub(rf"\1 {MASK}", _PAIR.sub(rf"\g<1>{MASK}", text))
