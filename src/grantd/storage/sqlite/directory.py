"""Clients, resource servers and users in SQLite."""
# ruff: noqa: D102 - the port documents the methods

from grantd.storage.port import DuplicateError
from grantd.storage.records import Client, ResourceServer, User
from grantd.storage.rows import (
    client_row,
    decode_client,
    decode_resource_server,
    decode_user,
    encode,
    fold,
    origins,
    user_row,
)
from grantd.storage.sqlite.part import Part
from grantd.storage.sqlite.writer import Transaction


class SqliteDirectory(Part):
    """Implements :class:`grantd.storage.port.DirectoryStore`."""

    def _bump(self, transaction: Transaction, name: str) -> None:
        transaction.run(self._sql["bump_revision"], (name,))

    async def find_client(self, issuer: str, client_id: str) -> Client | None:
        body = self._engine.row(self._sql["find_client"], (issuer, client_id))
        return None if body is None else decode_client(body)

    async def put_client(self, client: Client) -> bool:
        statement = self._sql["insert_client" if client.version == 1 else "replace_client"]
        row, found = client_row(client), origins(client)
        key = (client.issuer, client.client_id)

        def unit(transaction: Transaction) -> bool:
            if not transaction.run(statement, row):
                return False
            transaction.run(self._sql["delete_origins"], key)
            for origin in found:
                transaction.run(self._sql["insert_origin"], (client.issuer, origin, client.client_id))
            self._bump(transaction, "clients")
            return True

        return await self._engine.write(unit)

    async def delete_client(self, issuer: str, client_id: str) -> bool:
        key = (issuer, client_id)

        def unit(transaction: Transaction) -> bool:
            if not transaction.run(self._sql["delete_client"], key):
                return False
            # A later client of that name must inherit nothing.
            for name in ("delete_origins", "forget_standing_grant", "delete_consents_of_client"):
                transaction.run(self._sql[name], key)
            self._bump(transaction, "clients")
            return True

        return await self._engine.write(unit)

    async def list_clients(self, issuer: str, *, after: str = "", limit: int = 100) -> tuple[Client, ...]:
        rows = await self._engine.page(self._sql["list_clients"], (issuer, after, limit))
        return tuple(decode_client(row[0]) for row in rows)

    async def has_origin(self, issuer: str, origin: str) -> bool:
        return self._engine.row(self._sql["has_origin"], (issuer, origin)) is not None

    async def put_resource_server(self, resource_server: ResourceServer) -> bool:
        statement = self._sql["insert_resource_server" if resource_server.version == 1 else "replace_resource_server"]
        key = (resource_server.issuer, resource_server.resource_server_id)
        row = (*key, resource_server.version, encode(resource_server))

        def unit(transaction: Transaction) -> bool:
            if not transaction.run(statement, row):
                return False
            transaction.run(self._sql["delete_identifiers"], key)
            for identifier in dict.fromkeys(resource_server.identifiers):
                if not transaction.run(self._sql["insert_identifier"], (key[0], identifier, key[1])):
                    raise DuplicateError("resource server identifier")
            self._bump(transaction, "resource_servers")
            return True

        return await self._engine.write(unit)

    async def delete_resource_server(self, issuer: str, resource_server_id: str) -> bool:
        key = (issuer, resource_server_id)

        def unit(transaction: Transaction) -> bool:
            if not transaction.run(self._sql["delete_resource_server"], key):
                return False
            transaction.run(self._sql["delete_identifiers"], key)
            self._bump(transaction, "resource_servers")
            return True

        return await self._engine.write(unit)

    async def list_resource_servers(self, issuer: str) -> tuple[ResourceServer, ...]:
        rows = await self._engine.page(self._sql["list_resource_servers"], (issuer,))
        return tuple(decode_resource_server(row[0]) for row in rows)

    async def find_user(self, issuer: str, user_id: str) -> User | None:
        body = self._engine.row(self._sql["find_user"], (issuer, user_id))
        return None if body is None else decode_user(body)

    async def find_user_by_name(self, issuer: str, username: str) -> User | None:
        body = self._engine.row(self._sql["find_user_by_name"], (issuer, fold(username)))
        return None if body is None else decode_user(body)

    async def put_user(self, user: User) -> bool:
        statement = self._sql["insert_user" if user.version == 1 else "replace_user"]
        row = user_row(user)

        def unit(transaction: Transaction) -> bool:
            if not transaction.run(statement, row):
                owner = transaction.read(self._sql["find_name_owner"], (user.issuer, row[2]))
                if owner and owner[0][0] != user.user_id:
                    raise DuplicateError("user name")
                return False
            self._bump(transaction, "users")
            return True

        return await self._engine.write(unit)

    async def delete_user(self, issuer: str, user_id: str) -> bool:
        key = (issuer, user_id)

        def unit(transaction: Transaction) -> bool:
            if not transaction.run(self._sql["delete_user"], key):
                return False
            transaction.run(self._sql["end_sessions"], key)
            transaction.run(self._sql["delete_consents_of_user"], key)
            self._bump(transaction, "users")
            return True

        return await self._engine.write(unit)

    async def list_users(self, issuer: str, *, after: str = "", limit: int = 100) -> tuple[User, ...]:
        rows = await self._engine.page(self._sql["list_users"], (issuer, after, limit))
        return tuple(decode_user(row[0]) for row in rows)

    async def revisions(self) -> dict[str, int]:
        rows = self._engine.rows(self._sql["revisions"], ())
        return {name: value for name, value in rows if name != "probe"}
