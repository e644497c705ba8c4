"""Clients, resource servers and users in memory."""
# ruff: noqa: D102 - the port documents the methods

from grantd.storage.memory.tables import Tables, compare_and_set, discard
from grantd.storage.port import DuplicateError
from grantd.storage.records import Client, ResourceServer, User
from grantd.storage.rows import fold, origins


class MemoryDirectory(Tables):
    """Implements :class:`grantd.storage.port.DirectoryStore`."""

    def _changed(self, name: str, *, done: bool) -> bool:
        self._revisions[name] += done
        return done

    async def find_client(self, issuer: str, client_id: str) -> Client | None:
        return self._clients.get((issuer, client_id))

    async def put_client(self, client: Client) -> bool:
        self._require_open()
        done = compare_and_set(self._clients, (client.issuer, client.client_id), client)
        return self._changed("clients", done=done)

    async def delete_client(self, issuer: str, client_id: str) -> bool:
        self._require_open()
        if not discard(self._clients, (issuer, client_id)):
            return False
        # A later client of that name must inherit nothing.
        discard(self._standing, (issuer, client_id))
        for key in [key for key in self._consents if (key[0], key[2]) == (issuer, client_id)]:
            discard(self._consents, key)
        return self._changed("clients", done=True)

    async def list_clients(self, issuer: str, *, after: str = "", limit: int = 100) -> tuple[Client, ...]:
        found = [client for key, client in sorted(self._clients.items()) if key[0] == issuer and key[1] > after]
        return tuple(found[:limit])

    async def has_origin(self, issuer: str, origin: str) -> bool:
        return any(
            client.issuer == issuer and client.status == "active" and origin in origins(client)
            for client in self._clients.values()
        )

    async def put_resource_server(self, resource_server: ResourceServer) -> bool:
        self._require_open()
        key = (resource_server.issuer, resource_server.resource_server_id)
        before = self._resource_servers.get(key)
        if not compare_and_set(self._resource_servers, key, resource_server):
            return False
        for other in list(self._resource_servers.values()):
            namesake = other.issuer == key[0] and other.resource_server_id != key[1]
            if namesake and set(other.identifiers) & set(resource_server.identifiers):
                if before is None:
                    del self._resource_servers[key]
                else:
                    self._resource_servers[key] = before
                raise DuplicateError("resource server identifier")
        return self._changed("resource_servers", done=True)

    async def delete_resource_server(self, issuer: str, resource_server_id: str) -> bool:
        self._require_open()
        done = discard(self._resource_servers, (issuer, resource_server_id))
        return self._changed("resource_servers", done=done)

    async def list_resource_servers(self, issuer: str) -> tuple[ResourceServer, ...]:
        return tuple(server for key, server in sorted(self._resource_servers.items()) if key[0] == issuer)

    async def find_user(self, issuer: str, user_id: str) -> User | None:
        return self._users.get((issuer, user_id))

    async def find_user_by_name(self, issuer: str, username: str) -> User | None:
        folded = fold(username)
        for user in self._users.values():
            if user.issuer == issuer and fold(user.username) == folded:
                return user
        return None

    async def put_user(self, user: User) -> bool:
        self._require_open()
        namesake = await self.find_user_by_name(user.issuer, user.username)
        if namesake is not None and namesake.user_id != user.user_id:
            raise DuplicateError("user name")
        return self._changed("users", done=compare_and_set(self._users, (user.issuer, user.user_id), user))

    async def delete_user(self, issuer: str, user_id: str) -> bool:
        self._require_open()
        if not discard(self._users, (issuer, user_id)):
            return False
        for session_key in [k for k, session in self._sessions.items() if (k[0], session.user_id) == (issuer, user_id)]:
            discard(self._sessions, session_key)
        for consent_key in [k for k in self._consents if k[:2] == (issuer, user_id)]:
            discard(self._consents, consent_key)
        return self._changed("users", done=True)

    async def list_users(self, issuer: str, *, after: str = "", limit: int = 100) -> tuple[User, ...]:
        found = [user for key, user in sorted(self._users.items()) if key[0] == issuer and key[1] > after]
        return tuple(found[:limit])

    async def revisions(self) -> dict[str, int]:
        return dict(self._revisions)
