"""Grants, refresh token families and the deny list in memory."""
# ruff: noqa: D102 - the port documents the methods

from typing import Literal

from msgspec.structs import replace

from grantd.storage.memory.tables import Tables
from grantd.storage.port import DuplicateError
from grantd.storage.records import Grant, GrantView, RefreshFamily, RefreshView, StandingGrant, TokenState


class MemoryGrants(Tables):
    """Implements :class:`grantd.storage.port.GrantStore`."""

    async def insert_grant(self, grant: Grant) -> None:
        self._require_open()
        if (grant.issuer, grant.grant_id) in self._grants:
            raise DuplicateError("grant")
        self._grants[grant.issuer, grant.grant_id] = grant

    async def find_grant(self, issuer: str, grant_id: str) -> GrantView | None:
        grant = self._grants.get((issuer, grant_id))
        return None if grant is None else self._view(grant)

    def _view(self, grant: Grant) -> GrantView:
        return GrantView(
            grant, self._client_active(grant.issuer, grant.client_id), self._user_active(grant.issuer, grant.user_id)
        )

    async def redeem_code(
        self,
        issuer: str,
        grant_id: str,
        code_hash: bytes,
        *,
        now: int,
        expires_at: int | None,
        family: RefreshFamily | None,
    ) -> bool:
        self._require_open()
        grant = self._grants.get((issuer, grant_id))
        if (
            grant is None
            or grant.status != "pending"
            or grant.code_hash != code_hash
            or grant.code_expires_at is None
            or grant.code_expires_at <= now
            or not self._client_active(issuer, grant.client_id)
            or not self._user_active(issuer, grant.user_id)
        ):
            return False
        if family is not None:
            self._insert_family(family)
        self._grants[issuer, grant_id] = replace(grant, status="active", expires_at=expires_at)
        return True

    async def find_family(self, issuer: str, family_id: str) -> RefreshView | None:
        family = self._families.get((issuer, family_id))
        grant = self._grants.get((issuer, family.grant_id)) if family else None
        return None if family is None or grant is None else RefreshView(family, self._view(grant))

    async def insert_family(self, family: RefreshFamily) -> None:
        self._insert_family(family)

    def _insert_family(self, family: RefreshFamily) -> None:
        self._require_open()
        if (family.issuer, family.family_id) in self._families:
            raise DuplicateError("refresh token family")
        self._families[family.issuer, family.family_id] = family

    def _usable_family(self, issuer: str, family_id: str, counter: int, now: int) -> RefreshFamily | None:
        self._require_open()
        family = self._families.get((issuer, family_id))
        usable = (
            family is not None
            and family.counter == counter
            and family.status == "active"
            and min(family.idle_expires_at, family.expires_at) > now
            and self._grant_live(issuer, family.grant_id)
        )
        return family if usable else None

    async def rotate_family(self, issuer: str, family_id: str, *, counter: int, now: int, idle_expires_at: int) -> bool:
        family = self._usable_family(issuer, family_id, counter, now)
        if family is None:
            return False
        self._families[issuer, family_id] = replace(
            family, counter=counter + 1, rotated_at=now, idle_expires_at=idle_expires_at
        )
        return True

    async def touch_family(
        self, issuer: str, family_id: str, *, counter: int, now: int, rotated_since: int, idle_expires_at: int
    ) -> bool:
        family = self._usable_family(issuer, family_id, counter, now)
        if family is None or family.rotated_at < rotated_since:
            return False
        self._families[issuer, family_id] = replace(family, idle_expires_at=idle_expires_at)
        return True

    async def find_standing_grant(self, issuer: str, client_id: str) -> StandingGrant | None:
        client = self._clients.get((issuer, client_id))
        if client is None:
            return None
        return StandingGrant(client.version, client.status == "active", self._standing.get((issuer, client_id)))

    async def begin_standing_grant(self, grant: Grant) -> bool:
        self._require_open()
        key, owner = (grant.issuer, grant.grant_id), (grant.issuer, grant.client_id)
        if key in self._grants or owner in self._standing or not self._client_active(*owner):
            return False
        self._grants[key] = grant
        self._standing[owner] = grant.grant_id
        return True

    async def end_grants(
        self,
        issuer: str,
        *,
        by: Literal["grant", "user", "client", "session"],
        key: str | bytes,
        now: int,
        reason: str,
        keep_until: int,
    ) -> tuple[str, ...]:
        self._require_open()
        ended = [
            grant
            for grant in self._grants.values()
            if grant.issuer == issuer and grant.ended_at is None and getattr(grant, f"{by}_id") == key
        ]
        for grant in ended:
            self._grants[issuer, grant.grant_id] = replace(
                grant, status="ended", ended_at=now, ended_reason=reason, expires_at=keep_until
            )
            if self._standing.get((issuer, grant.client_id)) == grant.grant_id:
                del self._standing[issuer, grant.client_id]
        names = {grant.grant_id for grant in ended}
        for family in list(self._families.values()):
            if family.issuer == issuer and family.grant_id in names:
                self._families[issuer, family.family_id] = replace(family, status="ended")
        return tuple(sorted(names))

    async def list_grants(
        self, issuer: str, *, by: Literal["user", "client"], key: str, after: str = "", limit: int = 100
    ) -> tuple[Grant, ...]:
        found = [
            grant
            for (_, grant_id), grant in sorted(self._grants.items())
            if grant.issuer == issuer
            and getattr(grant, f"{by}_id") == key
            and grant.ended_at is None
            and grant_id > after
        ]
        return tuple(found[:limit])

    async def revoke_token(self, issuer: str, jti: str, *, expires_at: int) -> None:
        self._require_open()
        self._revoked.setdefault((issuer, jti), expires_at)

    async def token_state(self, issuer: str, grant_id: str, jti: str) -> TokenState:
        return TokenState(self._grant_live(issuer, grant_id), (issuer, jti) in self._revoked)
