"""What the in-memory store holds."""

from collections.abc import MutableMapping
from typing import Protocol, TypeVar

from grantd.storage.port import StoreUnavailableError
from grantd.storage.records import (
    AuditEvent,
    Client,
    Consent,
    FeatureRecord,
    Grant,
    Interaction,
    Lease,
    RefreshFamily,
    ResourceServer,
    Session,
    SigningKeyRecord,
    User,
)


class _Versioned(Protocol):
    @property
    def version(self) -> int: ...


K = TypeVar("K")
V = TypeVar("V", bound=_Versioned)
R = TypeVar("R")


def compare_and_set(table: MutableMapping[K, V], key: K, record: V) -> bool:
    """Insert version 1 once; replace version n-1 by n; ``False`` when that is not possible."""
    found = table.get(key)
    if (record.version == 1) != (found is None) or (found is not None and found.version != record.version - 1):
        return False
    table[key] = record
    return True


def discard(table: MutableMapping[K, R], key: K) -> bool:
    """Delete a record; ``True`` if there was one."""
    return table.pop(key, None) is not None


class Tables:
    """The tables, by primary key, and what several parts ask of them."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str, str], Client] = {}
        self._resource_servers: dict[tuple[str, str], ResourceServer] = {}
        self._users: dict[tuple[str, str], User] = {}
        self._sessions: dict[tuple[str, bytes], Session] = {}
        self._consents: dict[tuple[str, str, str], Consent] = {}
        self._interactions: dict[tuple[str, str], Interaction] = {}
        self._grants: dict[tuple[str, str], Grant] = {}
        self._standing: dict[tuple[str, str], str] = {}
        self._families: dict[tuple[str, str], RefreshFamily] = {}
        self._revoked: dict[tuple[str, str], int] = {}
        self._keys: dict[tuple[str, str], SigningKeyRecord] = {}
        self._audit: dict[tuple[str, str, str, int], AuditEvent] = {}
        self._records: dict[tuple[str, str, str], FeatureRecord] = {}
        self._leases: dict[str, Lease] = {}
        self._revisions = dict.fromkeys(("clients", "keys", "resource_servers", "users"), 0)
        self._closed = False

    def _client_active(self, issuer: str, client_id: str) -> bool:
        client = self._clients.get((issuer, client_id))
        return client is not None and client.status == "active"

    def _user_active(self, issuer: str, user_id: str | None) -> bool:
        if user_id is None:
            return True
        user = self._users.get((issuer, user_id))
        return user is not None and user.status == "active"

    def _grant_live(self, issuer: str, grant_id: str) -> bool:
        grant = self._grants.get((issuer, grant_id))
        return (
            grant is not None
            and grant.status == "active"
            and self._client_active(issuer, grant.client_id)
            and self._user_active(issuer, grant.user_id)
        )

    def _require_open(self) -> None:
        if self._closed:
            raise StoreUnavailableError("the store is closed")
