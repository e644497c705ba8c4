"""Protected APIs."""

from collections.abc import Iterable

from msgspec.structs import replace

from grantd.core.errors import InvalidScopeError
from grantd.core.scopes import parse_scope
from grantd.core.uris import check_resource
from grantd.server.administration.change import Change, changed_members, fresh_secrets
from grantd.server.administration.refusals import MEANWHILE, ConflictError, NotFoundError, RefusedError
from grantd.server.clients.registration import check_client_id
from grantd.storage.port import DuplicateError
from grantd.storage.records import ResourceServer

_LONGEST_LIFETIME = 86_400
_LONGEST_TEXT = 200


class ResourceServerAdministration(Change):
    """Adds, changes and removes resource servers of one issuer."""

    async def all(self) -> tuple[ResourceServer, ...]:
        """Return all resource servers, ordered by identifier."""
        return await self.issuer.store.list_resource_servers(self.issuer.identifier)

    async def get(self, resource_server_id: str) -> ResourceServer:
        """Return a resource server.

        Raises:
            NotFoundError: there is none.
        """
        for server in await self.all():
            if server.resource_server_id == resource_server_id:
                return server
        raise NotFoundError(f"{self.issuer.identifier} has no resource server {resource_server_id!r}")

    def check(self, server: ResourceServer, others: Iterable[ResourceServer]) -> list[str]:
        """Return what is wrong with a resource server, one sentence each.

        Args:
            server: as it is to be.
            others: all resource servers of the issuer; the one with the same identifier does not count.
        """
        wrong = check_client_id(server.resource_server_id)
        problems = [wrong.replace("client_id", "resource_server_id")] if wrong else []
        if not server.identifiers:
            problems.append("identifiers: name one at least, such as https://api.example/")
        problems += [
            f"identifiers: {uri!r}: {problem}" for uri in server.identifiers if (problem := check_resource(uri))
        ]
        others = [other for other in others if other.resource_server_id != server.resource_server_id]
        taken = {identifier: other.resource_server_id for other in others for identifier in other.identifiers}
        problems += [
            f"identifiers: {uri!r} belongs to resource server {taken[uri]!r} already"
            for uri in server.identifiers
            if uri in taken
        ]
        if server.default:
            problems += [f"default: {other.resource_server_id!r} is it already" for other in others if other.default]
        if not server.name or len(server.name) > _LONGEST_TEXT or not server.name.isprintable():
            problems.append(f"name: needs 1 to {_LONGEST_TEXT} printable characters")
        return [*problems, *_check_scopes(server), *self._check_tokens(server)]

    def _check_tokens(self, server: ResourceServer) -> list[str]:
        problems = []
        lifetime = server.access_token_lifetime
        if lifetime is not None and not 1 <= lifetime <= _LONGEST_LIFETIME:
            problems.append(f"access_token_lifetime: is {lifetime}; use a value from 1 to {_LONGEST_LIFETIME}")
        algorithms = self.issuer.settings.keys.algorithms
        if server.access_token_signing_alg and server.access_token_signing_alg not in algorithms:
            problems.append(
                f"access_token_signing_alg: the issuer has no {server.access_token_signing_alg!r} key; "
                f"it has {', '.join(algorithms)}"
            )
        return problems

    async def add(self, server: ResourceServer, *, credentials: bool = True) -> tuple[ResourceServer, str]:
        """Register a resource server.

        Args:
            server: as it is to be; its times and version are set here.
            credentials: make a secret unless it has one.

        Returns:
            The record, and the secret that was made (empty when none was).

        Raises:
            RefusedError: it may not be so.
            ConflictError: there is one with that identifier already.
        """
        self.require_room()
        made, secrets = "", server.secrets
        if credentials and not secrets:
            made, secrets = fresh_secrets((), self.now, overlap=0)
        server = replace(server, secrets=secrets, version=1, created_at=self.now, updated_at=self.now)
        problems = self.check(server, await self.all())
        if problems:
            raise RefusedError(problems)
        await self._put(server, f"there is a resource server {server.resource_server_id!r} already")
        self.record("resource_server.created", subject=server.resource_server_id, identifiers=list(server.identifiers))
        return server, made

    async def save(self, before: ResourceServer, after: ResourceServer) -> ResourceServer:
        """Write a changed resource server and record what changed.

        Raises:
            RefusedError: it may not be so.
            ConflictError: somebody was first.
        """
        self.require_room()
        problems = self.check(after, await self.all())
        if problems:
            raise RefusedError(problems)
        after = replace(after, version=before.version + 1, updated_at=self.now)
        await self._put(after, f"resource server {after.resource_server_id!r}: {MEANWHILE}")
        self.record("resource_server.updated", subject=after.resource_server_id, members=changed_members(before, after))
        return after

    async def _put(self, server: ResourceServer, otherwise: str) -> None:
        try:
            done = await self.issuer.store.put_resource_server(server)
        except DuplicateError:
            done = False
        if not done:
            raise ConflictError(otherwise)

    async def rotate_secret(self, resource_server_id: str, *, overlap: int = 0) -> str:
        """Give a resource server a new secret and return it.

        Args:
            resource_server_id: which.
            overlap: seconds for which its former secrets still work.

        Raises:
            NotFoundError: there is no such resource server.
            ConflictError: somebody was first.
        """
        server = await self.get(resource_server_id)
        secret, secrets = fresh_secrets(server.secrets, self.now, overlap=overlap)
        await self.save(server, replace(server, secrets=secrets))
        return secret

    async def delete(self, resource_server_id: str) -> None:
        """Delete a resource server: nobody gets tokens for it any more.

        Raises:
            NotFoundError: there is no such resource server.
        """
        self.require_room()
        await self.get(resource_server_id)
        if await self.issuer.store.delete_resource_server(self.issuer.identifier, resource_server_id):
            self.record("resource_server.deleted", subject=resource_server_id)


def _check_scopes(server: ResourceServer) -> list[str]:
    problems = []
    for scope, words in server.scopes.items():
        try:
            single = parse_scope(scope) == (scope,)
        except InvalidScopeError:
            single = False
        if not single:
            problems.append(f"scopes: {scope[:60]!r} is no scope token; use printable ASCII without spaces and quotes")
        if len(words) > _LONGEST_TEXT or not words.isprintable():
            problems.append(f"scopes.{scope[:60]}: use at most {_LONGEST_TEXT} printable characters")
    problems += [
        f"sensitive_scopes: {scope!r} is none of the scopes"
        for scope in server.sensitive_scopes
        if scope not in server.scopes
    ]
    return problems
