"""Failure counters that turn guessing into waiting (OAuth 2.1 sections 2.4.1 and 7.7)."""

from collections import OrderedDict
from hashlib import sha256

from grantd.core.clock import Clock

Key = tuple[str, ...]
"""What failed: for a client ``(issuer, client_id, address)``, for a sign-in ``(issuer, username, address)``."""

_LONGEST_KEY = 256


class Throttle:
    """Counts failures a key in a bucket that leaks evenly; nothing else is kept, and nothing is kept for long.

    A key may fail ``limit`` times at once. From then on it is blocked until the bucket has leaked one failure, which
    takes ``window / limit`` seconds; after ``window`` quiet seconds it is empty again.

    Args:
        limit: failures that fit into the bucket.
        window: seconds in which a full bucket leaks empty.
        clock: tells the time.
        capacity: keys that are remembered; beyond it those that failed longest ago are forgotten.
    """

    def __init__(self, *, limit: int, window: int, clock: Clock, capacity: int = 10_000) -> None:
        if limit < 1 or window < 1 or capacity < 1:
            raise ValueError("limit, window and capacity are at least 1")
        self._limit = limit
        self._window = window
        self._clock = clock
        self._capacity = capacity
        # When a bucket will be empty, in seconds times limit: one failure is then exactly `window`, without fractions.
        self._empty_at: OrderedDict[Key | bytes, int] = OrderedDict()

    def blocked(self, key: Key) -> int | None:
        """Return how many seconds to wait (for ``Retry-After``), or ``None`` when the key may try."""
        if not self._empty_at:
            return None
        empty_at = self._empty_at.get(_bounded(key))
        if empty_at is None:
            return None
        excess = empty_at - self._clock.now() * self._limit + self._window - self._limit * self._window
        return -(-excess // self._limit) if excess > 0 else None

    def failed(self, key: Key) -> None:
        """Count a failure."""
        bounded = _bounded(key)
        now = self._clock.now() * self._limit
        full = now + self._limit * self._window
        # Never beyond full: attempts that were already on their way must not lengthen the wait without end.
        self._empty_at[bounded] = min(max(self._empty_at.get(bounded, now), now) + self._window, full)
        self._empty_at.move_to_end(bounded)
        if len(self._empty_at) > self._capacity:
            self._empty_at.popitem(last=False)

    def succeeded(self, key: Key) -> None:
        """Forget a key's failures."""
        if self._empty_at:
            self._empty_at.pop(_bounded(key), None)

    def __len__(self) -> int:
        return len(self._empty_at)


def _bounded(key: Key) -> Key | bytes:
    # Foreign identifiers may be long; a digest keeps the memory of `capacity` keys bounded.
    if sum(map(len, key)) <= _LONGEST_KEY:
        return key
    digest = sha256()
    for part in key:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(encoded) + encoded)
    return digest.digest()
