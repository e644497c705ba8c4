"""Every statement, defined once in SQLAlchemy Core. Imported by ``grantd.storage.compilation`` only."""

from grantd.storage.definitions import directory, grants, operations, sessions
from grantd.storage.definitions.kit import Definition

DEFINITIONS: tuple[Definition, ...] = (
    *grants.DEFINITIONS,
    *sessions.DEFINITIONS,
    *directory.DEFINITIONS,
    *operations.DEFINITIONS,
)
