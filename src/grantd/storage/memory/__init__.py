"""The in-memory twin: the port's meaning in plain Python, for tests and the ``memory:`` URL.

No method awaits anything between reading and writing, so that each is atomic on one event loop.
"""

from grantd.storage.memory.directory import MemoryDirectory
from grantd.storage.memory.grants import MemoryGrants
from grantd.storage.memory.operations import MemoryOperations
from grantd.storage.memory.sessions import MemorySessions


class MemoryStore(MemoryGrants, MemorySessions, MemoryDirectory, MemoryOperations):
    """Implements :class:`grantd.storage.port.Store`; forgets everything with the process."""


__all__ = ["MemoryStore"]
