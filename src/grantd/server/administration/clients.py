"""Registered clients."""

from typing import Literal

from msgspec.structs import replace

from grantd.core.random import random_id
from grantd.server.administration.change import Change, brought_secrets, changed_members, fresh_secrets
from grantd.server.administration.refusals import MEANWHILE, ConflictError, NotFoundError, RefusedError
from grantd.server.clients.registration import (
    SECRET_METHODS,
    ClientMetadataError,
    check_client_id,
    check_metadata,
    new_secret,
)
from grantd.storage.records import Client, ClientMetadata, SecretHash

_PAGE = 200


class ClientAdministration(Change):
    """Adds, changes and removes clients of one issuer."""

    async def get(self, client_id: str) -> Client:
        """Return a client.

        Raises:
            NotFoundError: there is none.
        """
        client = await self.issuer.store.find_client(self.issuer.identifier, client_id)
        if client is None:
            raise NotFoundError(f"{self.issuer.identifier} has no client {client_id!r}")
        return client

    async def all(self) -> tuple[Client, ...]:
        """Return all clients, ordered by identifier."""
        found: list[Client] = []
        while True:
            after = found[-1].client_id if found else ""
            page = await self.issuer.store.list_clients(self.issuer.identifier, after=after, limit=_PAGE)
            found += page
            if len(page) < _PAGE:
                return tuple(found)

    def check(self, client_id: str, metadata: ClientMetadata) -> list[str]:
        """Return what is wrong with a client, one sentence each."""
        wrong = check_client_id(client_id)
        problems = [wrong] if wrong else []
        try:
            check_metadata(metadata, self.issuer.registry)
        except ClientMetadataError as error:
            problems += error.problems
        return problems

    async def add(
        self,
        metadata: ClientMetadata,
        *,
        client_id: str = "",
        secret: str = "",
        status: Literal["active", "disabled"] = "active",
    ) -> tuple[Client, str]:
        """Register a client.

        Args:
            metadata: how it describes itself.
            client_id: its identifier; random when empty.
            secret: one that the operator brings along; made when empty and needed.
            status: whether it may be used.

        Returns:
            The client, and the secret that was made (empty when none was).

        Raises:
            RefusedError: it may not be so.
            ConflictError: there is such a client already.
        """
        self.require_room()
        client_id = client_id or random_id()
        problems = self.check(client_id, metadata)
        secrets: tuple[SecretHash, ...] = ()
        made = ""
        if metadata.token_endpoint_auth_method in SECRET_METHODS:
            secrets, made = self._first_secret(secret, problems)
        elif secret:
            problems.append(f"client_secret: {metadata.token_endpoint_auth_method!r} uses none; leave it out")
        if problems:
            raise RefusedError(problems)
        client = Client(
            issuer=self.issuer.identifier,
            client_id=client_id,
            metadata=metadata,
            status=status,
            secrets=secrets,
            created_at=self.now,
            updated_at=self.now,
        )
        if not await self.issuer.store.put_client(client):
            raise ConflictError(f"there is a client {client_id!r} already")
        self.record("client.created", client_id=client_id, origin=client.origin)
        return client, made

    def _first_secret(self, secret: str, problems: list[str]) -> tuple[tuple[SecretHash, ...], str]:
        if not secret:
            made, kept = new_secret(self.now)
            return (kept,), made
        try:
            return brought_secrets((), secret, self.now), ""
        except ValueError as error:
            problems.append(f"client_secret: {error}")
            return (), ""

    async def save(self, before: Client, after: Client) -> Client:
        """Write a changed client, end its grants when it was disabled, and record what changed.

        Raises:
            RefusedError: it may not be so.
            ConflictError: somebody was first.
        """
        self.require_room()
        problems = self.check(after.client_id, after.metadata)
        if after.metadata.token_endpoint_auth_method in SECRET_METHODS and not after.secrets:
            problems.append(f"client_secret: {after.metadata.token_endpoint_auth_method} needs one; rotate the secret")
        if problems:
            raise RefusedError(problems)
        after = replace(after, version=before.version + 1, updated_at=self.now)
        if not await self.issuer.store.put_client(after):
            raise ConflictError(f"client {after.client_id!r}: {MEANWHILE}")
        await self._tell(before, after)
        return after

    async def _tell(self, before: Client, after: Client) -> None:
        client_id = after.client_id
        members = changed_members(before.metadata, after.metadata)
        if members:
            self.record("client.updated", client_id=client_id, members=members)
        for kept in after.secrets:
            if all(kept.sha256 != former.sha256 for former in before.secrets):
                self.record("client.secret_added", client_id=client_id, label=kept.label)
        for former in before.secrets:
            if all(kept.sha256 != former.sha256 for kept in after.secrets):
                self.record("client.secret_removed", client_id=client_id, label=former.label)
        if before.status != after.status:
            self.record("client.disabled" if after.status == "disabled" else "client.enabled", client_id=client_id)
            if after.status == "disabled":
                await self.issuer.cascade.end("client", client_id, reason="client_disabled", actor=self.actor)

    async def rotate_secret(self, client_id: str, *, overlap: int = 0) -> str:
        """Give a client a new secret and return it.

        Args:
            client_id: the client.
            overlap: seconds for which its former secrets still work.

        Raises:
            NotFoundError: there is no such client.
            RefusedError: it uses no secret.
            ConflictError: somebody was first.
        """
        client = await self.get(client_id)
        method = client.metadata.token_endpoint_auth_method
        if method not in SECRET_METHODS:
            raise RefusedError([f"the client authenticates by {method!r} and has no secret"])
        secret, secrets = fresh_secrets(client.secrets, self.now, overlap=overlap)
        await self.save(client, replace(client, secrets=secrets))
        return secret

    async def set_status(self, client_id: str, status: Literal["active", "disabled"]) -> bool:
        """Disable or enable a client; return whether that changed anything.

        Raises:
            NotFoundError: there is no such client.
            ConflictError: somebody was first.
        """
        self.require_room()
        before = await self.get(client_id)
        if before.status == status:
            return False
        # Not through save: a client must be shut out also when today's rules would not let it in.
        after = replace(before, status=status, version=before.version + 1, updated_at=self.now)
        if not await self.issuer.store.put_client(after):
            raise ConflictError(f"client {client_id!r}: {MEANWHILE}")
        await self._tell(before, after)
        return True

    async def delete(self, client_id: str) -> int:
        """Delete a client and end everything that it was granted; return how many grants ended.

        Raises:
            NotFoundError: there is no such client.
            ConflictError: somebody was first.
        """
        # Disabled first, so that no grant is made between ending them and deleting the client.
        await self.set_status(client_id, "disabled")
        ended = await self.issuer.cascade.end("client", client_id, reason="client_deleted", actor=self.actor)
        if await self.issuer.store.delete_client(self.issuer.identifier, client_id):
            self.record("client.deleted", client_id=client_id)
        return len(ended)
