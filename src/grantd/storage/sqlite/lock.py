"""The file lock that lets processes take turns with their groups."""

import fcntl
import os
import time
from types import TracebackType

WAIT_SECONDS = 2.0
"""How long a group waits for its turn; then SQLite's own lock decides."""


class TurnLock:
    """An advisory lock beside the database, held for one group; only a courtesy that shortens waiting.

    SQLite's busy handler sleeps ever longer while it waits, which makes some groups wait very long. Correctness never
    depends on this lock, so that a holder which was stopped cannot block others for good.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._held = False

    def __enter__(self) -> None:
        self._held = self._try()
        if self._held:
            return
        deadline = time.monotonic() + WAIT_SECONDS
        while not self._held and time.monotonic() < deadline:
            time.sleep(0.0003)
            self._held = self._try()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held:
            self._held = False
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)
