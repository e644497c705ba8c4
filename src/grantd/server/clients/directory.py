"""Clients by identifier, with their metadata at hand.

What is cached here may be two seconds old and never decides whether a client is live: the atomic claims of the store
do. Records are dropped when the store's revision of clients moves.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from grantd.server.extension.points import Party
from grantd.storage.port import DirectoryStore
from grantd.storage.records import Client

Resolve = Callable[[str], Awaitable[Client | None]]

LONGEST_CLIENT_ID = 2_048
"""Characters; a metadata document's URL is the longest identifier there is."""


def party_of(client: Client) -> Party:
    """Return how client authentication sees a client."""
    return Party(
        identifier=client.client_id,
        methods=(client.metadata.token_endpoint_auth_method,),
        secrets=client.secrets,
        raw_basic=client.metadata.accept_raw_basic_credentials,
        client=client,
    )


class ClientDirectory:
    """Bounded cache before the store and the resolvers of features.

    Args:
        issuer: issuer identifier.
        store: where registered clients are.
        resolvers: pairs of "is this identifier yours" and lookup, from ``ClientResolver`` contributions.
        capacity: clients kept in memory.
    """

    def __init__(
        self,
        issuer: str,
        store: DirectoryStore,
        resolvers: Sequence[tuple[Callable[[str], bool], Resolve]] = (),
        *,
        capacity: int = 10_000,
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._resolvers = tuple(resolvers)
        self._capacity = capacity
        self._cache: OrderedDict[str, Client] = OrderedDict()
        self._parties: dict[str, Party] = {}

    async def find(self, client_id: str) -> Client | None:
        """Return a client, also a disabled one; ``None`` when there is none."""
        cached = self._cache.get(client_id)
        if cached is not None:
            return cached
        if not client_id or len(client_id) > LONGEST_CLIENT_ID or not client_id.isprintable():
            return None
        client = await self._store.find_client(self._issuer, client_id)
        if client is None:
            for accepts, resolve in self._resolvers:
                if accepts(client_id):
                    return await resolve(client_id)
            return None
        self._cache[client_id] = client
        if len(self._cache) > self._capacity:
            self._parties.pop(self._cache.popitem(last=False)[0], None)
        return client

    async def find_party(self, client_id: str) -> Party | None:
        """Return a client as client authentication sees it."""
        cached = self._parties.get(client_id)
        if cached is not None:
            return cached
        client = await self.find(client_id)
        if client is None:
            return None
        party = party_of(client)
        if client_id in self._cache:
            self._parties[client_id] = party
        return party

    async def current(self, client: Client, version: int) -> Client | None:
        """Return ``client`` itself when ``version`` is what the store has, else the record read anew."""
        if client.version == version:
            return client
        self._cache.pop(client.client_id, None)
        self._parties.pop(client.client_id, None)
        return await self.find(client.client_id)

    def forget(self) -> None:
        """Drop everything: the store's clients changed."""
        self._cache.clear()
        self._parties.clear()
