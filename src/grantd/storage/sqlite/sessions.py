"""Sessions, consents and interactions in SQLite."""
# ruff: noqa: D102 - the port documents the methods

from grantd.storage.port import DuplicateError
from grantd.storage.records import Consent, Interaction, Session, SessionView
from grantd.storage.rows import (
    encode,
    interaction_from,
    interaction_row,
    session_from,
    session_row,
    session_view_from,
)
from grantd.storage.sqlite.part import Part
from grantd.storage.sqlite.writer import Transaction


class SqliteSessions(Part):
    """Implements :class:`grantd.storage.port.SessionStore`."""

    async def insert_session(self, session: Session, *, replacing: bytes | None = None) -> None:
        row = session_row(session)

        def unit(transaction: Transaction) -> None:
            if replacing is not None:
                transaction.run(self._sql["end_session"], (session.issuer, replacing))
            if not transaction.run(self._sql["insert_session"], row):
                raise DuplicateError("session")

        await self._engine.write(unit)

    async def find_session(self, issuer: str, session_id: bytes, client_id: str, *, now: int) -> SessionView | None:
        row = self._engine.row(self._sql["find_session"], (issuer, session_id, client_id, now))
        return None if row is None else session_view_from(row)

    async def touch_session(self, issuer: str, session_id: bytes, *, now: int, expires_at: int) -> None:
        await self._engine.run(self._sql["touch_session"], (issuer, session_id, now, expires_at))

    async def end_session(self, issuer: str, session_id: bytes) -> bool:
        return await self._engine.run(self._sql["end_session"], (issuer, session_id)) == 1

    async def list_sessions(self, issuer: str, user_id: str, *, now: int) -> tuple[Session, ...]:
        rows = self._engine.rows(self._sql["list_sessions"], (issuer, user_id, now))
        return tuple(sorted(map(session_from, rows), key=lambda session: -session.created_at))

    async def end_sessions(self, issuer: str, user_id: str) -> int:
        return await self._engine.run(self._sql["end_sessions"], (issuer, user_id))

    async def put_consent(self, consent: Consent) -> bool:
        statement = self._sql["insert_consent" if consent.version == 1 else "replace_consent"]
        row = (consent.issuer, consent.user_id, consent.client_id, consent.version, encode(consent))
        return await self._engine.run(statement, row) == 1

    async def delete_consent(self, issuer: str, user_id: str, client_id: str) -> bool:
        return await self._engine.run(self._sql["delete_consent"], (issuer, user_id, client_id)) == 1

    async def insert_interaction(self, interaction: Interaction) -> None:
        if not await self._engine.run(self._sql["insert_interaction"], interaction_row(interaction)):
            raise DuplicateError("interaction")

    async def find_interaction(self, issuer: str, interaction_id: str, *, now: int) -> Interaction | None:
        row = self._engine.row(self._sql["find_interaction"], (issuer, interaction_id, now))
        return None if row is None else interaction_from(row)

    async def replace_interaction(self, interaction: Interaction) -> bool:
        return await self._engine.run(self._sql["replace_interaction"], interaction_row(interaction)) == 1

    async def take_interaction(self, issuer: str, interaction_id: str, *, version: int) -> bool:
        return await self._engine.run(self._sql["take_interaction"], (issuer, interaction_id, version)) == 1
