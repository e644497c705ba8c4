"""Grants, refresh token families and the deny list in SQLite."""
# ruff: noqa: D102 - the port documents the methods

from typing import Literal

from grantd.storage.port import DuplicateError
from grantd.storage.records import Grant, GrantView, RefreshFamily, RefreshView, StandingGrant, TokenState
from grantd.storage.rows import family_row, grant_from, grant_row, grant_view_from, refresh_view_from
from grantd.storage.sqlite.part import Part
from grantd.storage.sqlite.writer import Transaction


class SqliteGrants(Part):
    """Implements :class:`grantd.storage.port.GrantStore`."""

    async def insert_grant(self, grant: Grant) -> None:
        if not await self._engine.run(self._sql["insert_grant"], grant_row(grant)):
            raise DuplicateError("grant")

    async def find_grant(self, issuer: str, grant_id: str) -> GrantView | None:
        row = self._engine.row(self._sql["find_grant"], (issuer, grant_id))
        return None if row is None else grant_view_from(row)

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
        claim = (issuer, grant_id, code_hash, now, expires_at)
        if family is None:
            return await self._engine.run(self._sql["redeem_code"], claim) == 1
        row = family_row(family)

        def unit(transaction: Transaction) -> bool:
            if not transaction.run(self._sql["redeem_code"], claim):
                return False
            if not transaction.run(self._sql["insert_family"], row):
                raise DuplicateError("refresh token family")
            return True

        return await self._engine.write(unit)

    async def find_family(self, issuer: str, family_id: str) -> RefreshView | None:
        row = self._engine.row(self._sql["find_family"], (issuer, family_id))
        return None if row is None else refresh_view_from(row)

    async def insert_family(self, family: RefreshFamily) -> None:
        if not await self._engine.run(self._sql["insert_family"], family_row(family)):
            raise DuplicateError("refresh token family")

    async def rotate_family(self, issuer: str, family_id: str, *, counter: int, now: int, idle_expires_at: int) -> bool:
        parameters = (issuer, family_id, counter, now, idle_expires_at)
        return await self._engine.run(self._sql["rotate_family"], parameters) == 1

    async def touch_family(
        self, issuer: str, family_id: str, *, counter: int, now: int, rotated_since: int, idle_expires_at: int
    ) -> bool:
        parameters = (issuer, family_id, counter, now, rotated_since, idle_expires_at)
        return await self._engine.run(self._sql["touch_family"], parameters) == 1

    async def find_standing_grant(self, issuer: str, client_id: str) -> StandingGrant | None:
        row = self._engine.row(self._sql["find_standing_grant"], (issuer, client_id))
        return None if row is None else StandingGrant(row[0], row[1] == 1, row[2])

    async def begin_standing_grant(self, grant: Grant) -> bool:
        return await self._engine.run(self._sql["begin_standing_grant"], grant_row(grant, standing=True)) == 1

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
        families, grants = self._sql[f"end_families_by_{by}"], self._sql[f"end_grants_by_{by}"]

        def unit(transaction: Transaction) -> tuple[str, ...]:
            transaction.run(families, (issuer, key))
            return tuple(sorted(row[0] for row in transaction.rows(grants, (issuer, key, now, reason, keep_until))))

        return await self._engine.write(unit)

    async def list_grants(
        self, issuer: str, *, by: Literal["user", "client"], key: str, after: str = "", limit: int = 100
    ) -> tuple[Grant, ...]:
        rows = await self._engine.page(self._sql[f"list_grants_by_{by}"], (issuer, key, after, limit))
        return tuple(grant_from(row) for row in rows)

    async def revoke_token(self, issuer: str, jti: str, *, expires_at: int) -> None:
        await self._engine.run(self._sql["revoke_token"], (issuer, jti, expires_at))

    async def token_state(self, issuer: str, grant_id: str, jti: str) -> TokenState:
        grant_live, revoked = self._engine.row(self._sql["token_state"], (issuer, grant_id, jti))
        return TokenState(grant_live == 1, revoked == 1)
