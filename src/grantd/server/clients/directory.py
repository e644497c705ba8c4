"""Clients by identifier, with their metadata at hand.

What is cached here may be two seconds old and never decides whether a client is live: the atomic claims of the store
do. Records are dropped when the store's revision of clients moves.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from grantd.storage.port import DirectoryStore
from grantd.storage.records import Client

Resolve = Callable[[str], Awaitable[Client | None]]

LONGEST_CLIENT_ID = 2_048
"""Characters; a metadata document's URL is the longest identifier there is."""


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
            self._cache.popitem(last=False)
        return client

    async def current(self, client: Client, version: int) -> Client | None:
        """Return ``client`` itself when ``version`` is what the store has, else the record read anew."""
        if client.version == version:
            return client
        self._cache.pop(client.client_id, None)
        return await self.find(client.client_id)

    def forget(self) -> None:
        """Drop everything: the store's clients changed."""
        self._cache.clear()
