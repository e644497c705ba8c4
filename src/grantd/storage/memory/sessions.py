"""Sessions, consents and interactions in memory."""
# ruff: noqa: D102 - the port documents the methods

from msgspec.structs import replace

from grantd.storage.memory.tables import Tables, compare_and_set, discard
from grantd.storage.port import DuplicateError
from grantd.storage.records import Consent, Interaction, Session, SessionView


class MemorySessions(Tables):
    """Implements :class:`grantd.storage.port.SessionStore`."""

    async def insert_session(self, session: Session, *, replacing: bytes | None = None) -> None:
        self._require_open()
        key = (session.issuer, session.session_id)
        if key in self._sessions and session.session_id != replacing:
            raise DuplicateError("session")
        if replacing is not None:
            discard(self._sessions, (session.issuer, replacing))
        self._sessions[key] = session

    async def find_session(self, issuer: str, session_id: bytes, client_id: str, *, now: int) -> SessionView | None:
        session = self._sessions.get((issuer, session_id))
        if session is None or session.expires_at <= now or not self._user_active(issuer, session.user_id):
            return None
        user = self._users[issuer, session.user_id]
        return SessionView(session, user, self._consents.get((issuer, session.user_id, client_id)))

    async def touch_session(self, issuer: str, session_id: bytes, *, now: int, expires_at: int) -> None:
        self._require_open()
        session = self._sessions.get((issuer, session_id))
        if session is not None and session.expires_at > now:
            self._sessions[issuer, session_id] = replace(session, last_seen_at=now, expires_at=expires_at)

    async def end_session(self, issuer: str, session_id: bytes) -> bool:
        self._require_open()
        return discard(self._sessions, (issuer, session_id))

    async def list_sessions(self, issuer: str, user_id: str, *, now: int) -> tuple[Session, ...]:
        found = [
            session
            for session in self._sessions.values()
            if session.issuer == issuer and session.user_id == user_id and session.expires_at > now
        ]
        return tuple(sorted(found, key=lambda session: (-session.created_at, session.session_id)))

    async def end_sessions(self, issuer: str, user_id: str) -> int:
        self._require_open()
        found = [key for key, session in self._sessions.items() if key[0] == issuer and session.user_id == user_id]
        return sum(discard(self._sessions, key) for key in found)

    async def put_consent(self, consent: Consent) -> bool:
        self._require_open()
        return compare_and_set(self._consents, (consent.issuer, consent.user_id, consent.client_id), consent)

    async def delete_consent(self, issuer: str, user_id: str, client_id: str) -> bool:
        self._require_open()
        return discard(self._consents, (issuer, user_id, client_id))

    async def insert_interaction(self, interaction: Interaction) -> None:
        self._require_open()
        key = (interaction.issuer, interaction.interaction_id)
        if key in self._interactions:
            raise DuplicateError("interaction")
        self._interactions[key] = interaction

    async def find_interaction(self, issuer: str, interaction_id: str, *, now: int) -> Interaction | None:
        interaction = self._interactions.get((issuer, interaction_id))
        return interaction if interaction is not None and interaction.expires_at > now else None

    async def replace_interaction(self, interaction: Interaction) -> bool:
        self._require_open()
        key = (interaction.issuer, interaction.interaction_id)
        return key in self._interactions and compare_and_set(self._interactions, key, interaction)

    async def take_interaction(self, issuer: str, interaction_id: str, *, version: int) -> bool:
        self._require_open()
        interaction = self._interactions.get((issuer, interaction_id))
        if interaction is None or interaction.version != version:
            return False
        return discard(self._interactions, (issuer, interaction_id))
