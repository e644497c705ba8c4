"""Alembic's entry: runs the migrations on one database file."""

from alembic import context
from sqlalchemy import URL, create_engine, event, pool
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from grantd.storage.schema import metadata


def run() -> None:
    """Migrate in one transaction, so that a migration that fails leaves the database as it was."""
    url = URL.create("sqlite", database=context.config.attributes["path"])
    engine = create_engine(url, poolclass=pool.NullPool)

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        # The driver would commit before each CREATE TABLE; BEGIN is ours.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = wal").close()

    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
