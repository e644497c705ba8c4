"""How many statements a store has executed; always on."""


class StatementCount:
    """Statements that the driver executed: those that only read, and those that write.

    ``BEGIN``, ``COMMIT`` and checkpoints are not counted; batching does not reduce the count.
    """

    __slots__ = ("reads", "writes")

    def __init__(self) -> None:
        self.reads = 0
        self.writes = 0

    @property
    def total(self) -> int:
        """Reads and writes together."""
        return self.reads + self.writes
