"""The one clock of a connection."""

import asyncio
from collections.abc import Callable


class Clock:
    """Calls back when a time is over; setting and stopping it cost next to nothing.

    A deadline that moves with every request would make the loop sort a new timer each time. Here the timer that runs
    already is kept: when it ends early, it starts again for the rest.
    """

    __slots__ = ("_action", "_due", "_fires", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._action: Callable[[], None] | None = None
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._fires = 0.0

    def set(self, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` in ``seconds``, instead of what was set before."""
        self._action = action
        self._due = due = self._loop.time() + seconds
        if self._timer is None:
            self._start(due)
        elif self._fires > due:
            self._timer.cancel()
            self._start(due)

    def stop(self) -> None:
        """Call nothing."""
        self._action = None

    def end(self) -> None:
        """Call nothing, ever: the connection is gone."""
        self._action = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self, due: float) -> None:
        self._fires = due
        self._timer = self._loop.call_at(due, self._fire)

    def _fire(self) -> None:
        self._timer = None
        action = self._action
        if action is None:
            return
        # A loop may be a clock tick early.
        if self._due - self._loop.time() > 0.001:  # noqa: PLR2004 - the resolution of the loop's clock, in seconds
            self._start(self._due)
            return
        self._action = None
        action()
