"""Where the issuer's public keys come from."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

from grantd.core.clock import Clock, SystemClock
from grantd.jose import KeySet, VerificationKey
from grantd.jose.encoding import strict_object
from grantd.jose.errors import KeyFormatError

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets the body of a 200 answer; limits size and time and follows no redirect. Anything else it raises."""

_MAX_METADATA_BYTES = 65_536
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class KeysUnavailableError(Exception):
    """The issuer's keys cannot be had now; answer 503, do not accept and do not blame the token."""


class KeySource(Protocol):
    """The issuer's keys as they were last seen, and a way to look again."""

    def find(self, kid: str | None, alg: str) -> VerificationKey | None:
        """Return a key known now."""
        ...

    async def refresh(self, *, unknown_key: bool) -> bool:
        """Look for newer keys where that is due.

        Args:
            unknown_key: whether a token named a key that :meth:`find` does not know.

        Returns:
            Whether the keys may have changed.

        Raises:
            KeysUnavailableError: when no usable keys are at hand.
        """
        ...


class StaticKeys:
    """A key set that never changes.

    Args:
        jwks: the JWK set, as JSON text or object.

    Raises:
        KeyFormatError: when a key of the set cannot be used.
    """

    def __init__(self, jwks: bytes | Mapping[str, object]) -> None:
        self._keys = KeySet.from_jwks(jwks, strict=True)

    def find(self, kid: str | None, alg: str) -> VerificationKey | None:
        """Return a key of the set."""
        return self._keys.find(kid, alg)

    async def refresh(self, *, unknown_key: bool) -> bool:  # noqa: ARG002 - the port's signature
        """Do nothing; return ``False``."""
        return False


def metadata_url(issuer: str) -> str:
    """Return where an issuer's metadata is: the well-known part between host and path (RFC 8414 section 3.1)."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path.rstrip('/')}"


def _is_safe_url(url: str) -> bool:
    parts = urlsplit(url)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    return secure and bool(parts.hostname)


class IssuerKeys:
    """Keys found through the issuer's metadata and kept fresh.

    Args:
        issuer: the issuer's identifier: https, or http on a loopback host.
        fetch: gets a URL.
        clock: the time.
        max_age: seconds after which the key set is read again, so that withdrawn keys leave.
        unknown_key_interval: least seconds between two readings that unknown ``kid`` values cause.
        max_stale: seconds for which keys serve while the issuer cannot be reached; after that nothing is accepted.

    Raises:
        ValueError: when the issuer is no such URL.
    """

    def __init__(
        self,
        issuer: str,
        fetch: Fetch,
        *,
        clock: Clock | None = None,
        max_age: int = 300,
        unknown_key_interval: int = 30,
        max_stale: int = 3_600,
    ) -> None:
        if not _is_safe_url(issuer):
            raise ValueError("the issuer is an https URL, or http on a loopback host")
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock or SystemClock()
        self._max_age = max_age
        self._interval = unknown_key_interval
        self._max_stale = max_stale
        self._lock = asyncio.Lock()
        self._keys = KeySet(())
        self._read_at: int | None = None
        self._tried_at: int | None = None

    def find(self, kid: str | None, alg: str) -> VerificationKey | None:
        """Return a key known now."""
        return self._keys.find(kid, alg)

    def _is_due(self, now: int, *, unknown_key: bool) -> bool:
        if self._tried_at is None:
            return True
        # A failing or flooded issuer is asked no more often than this.
        if now - self._tried_at < self._interval:
            return False
        return unknown_key or self._read_at is None or now - self._read_at >= self._max_age

    async def refresh(self, *, unknown_key: bool) -> bool:
        """Read metadata and key set again when they are old, or when a key is unknown and the interval has passed.

        Raises:
            KeysUnavailableError: when there are no keys, or the last success is too long ago.
        """
        changed = False
        # Whoever cannot go on without the answer waits for a reading under way; others use the keys at hand.
        must_wait = self._lock.locked() and (unknown_key or self._read_at is None)
        if must_wait or self._is_due(self._clock.now(), unknown_key=unknown_key):
            async with self._lock:
                # Whoever waited for the lock finds the work done.
                if self._is_due(self._clock.now(), unknown_key=unknown_key):
                    changed = await self._read()
                else:
                    changed = True
        if self._read_at is None or self._clock.now() - self._read_at > self._max_stale:
            raise KeysUnavailableError("the issuer's keys cannot be read")
        return changed

    async def _read(self) -> bool:
        self._tried_at = now = self._clock.now()
        try:
            jwks_uri = self._jwks_uri(await self._fetch(metadata_url(self._issuer)))
            keys = KeySet.from_jwks(await self._fetch(jwks_uri))
        except Exception:  # noqa: BLE001 - whatever the fetcher raises, the keys at hand stay until they are stale
            return False
        self._keys, self._read_at = keys, now
        return True

    def _jwks_uri(self, document: bytes) -> str:
        if len(document) > _MAX_METADATA_BYTES:
            raise KeyFormatError("the metadata document is too large")
        metadata = strict_object(document)
        # RFC 8414 section 3.3: a document that names another issuer is not used.
        if metadata.get("issuer") != self._issuer:
            raise KeyFormatError("the metadata document is of another issuer")
        jwks_uri = metadata.get("jwks_uri")
        if not isinstance(jwks_uri, str) or not _is_safe_url(jwks_uri):
            raise KeyFormatError("the metadata document has no https jwks_uri")
        if urlsplit(jwks_uri).scheme != "https" and urlsplit(self._issuer).scheme == "https":
            raise KeyFormatError("an https issuer has its keys at an https URL")
        return jwks_uri
