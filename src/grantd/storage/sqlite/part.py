"""What the parts of the store have in common."""

from grantd.storage.sqlite.engine import Engine
from grantd.storage.statements import Statements


class Part:
    """A part of the store: the engine, and the statements by name.

    Args:
        engine: reads and writes the database file.
        statements: the compiled statements.
    """

    def __init__(self, engine: Engine, statements: Statements) -> None:
        self._engine = engine
        self._sql = statements.statements
        self.statements = engine.statements
        """How many statements were executed."""
