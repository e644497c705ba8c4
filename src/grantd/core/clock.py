"""The one source of time."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time; a neighbour of every rule that looks at a lifetime."""

    def now(self) -> int:
        """Return whole seconds since the Unix epoch."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        """Return whole seconds since the Unix epoch."""
        return int(time.time())


class ManualClock:
    """A clock that moves only when told to; for tests and for replaying recorded traffic.

    Args:
        start: seconds since the Unix epoch that the clock shows first.
    """

    def __init__(self, start: int = 1_773_640_800) -> None:
        self._now = start

    def now(self) -> int:
        """Return whole seconds since the Unix epoch."""
        return self._now

    def advance(self, seconds: int) -> None:
        """Move the clock forward (or back, with a negative number) by ``seconds``."""
        self._now += seconds
