"""The Store port: what the server asks of a database, in the words of its records.

Every method is atomic and durable when it returns. A method that claims says so with a boolean: ``True`` to exactly
one caller. Implementations pass ``tests/storage/contract``. Nothing here depends on one database's features.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

from grantd.storage.records import (
    AuditEvent,
    Client,
    Consent,
    FeatureRecord,
    Grant,
    GrantView,
    Interaction,
    Lease,
    RefreshFamily,
    RefreshView,
    ResourceServer,
    Session,
    SessionView,
    SigningKeyRecord,
    StandingGrant,
    TokenState,
    User,
)


class StoreUnavailableError(Exception):
    """The database cannot answer now; the edge turns this into 503 with ``Retry-After``."""


class DuplicateError(Exception):
    """The record exists already; ``args[0]`` says which."""


class GrantStore(Protocol):
    """Grants, refresh token families, revoked access tokens: the hot path."""

    async def insert_grant(self, grant: Grant) -> None:
        """Keep a new grant. A collision of the random identifier raises ``DuplicateError``."""
        ...

    async def find_grant(self, issuer: str, grant_id: str) -> GrantView | None:
        """Read a grant with its client's and user's liveness."""
        ...

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
        """Claim an authorization code: pending grant, matching hash, unexpired, client and user active.

        In the same transaction the grant becomes active, gets ``expires_at``, and ``family`` is inserted. When the
        claim is lost nothing is written.
        """
        ...

    async def find_family(self, issuer: str, family_id: str) -> RefreshView | None:
        """Read a refresh token family with its grant."""
        ...

    async def insert_family(self, family: RefreshFamily) -> None:
        """Keep a new refresh token family for an active grant."""
        ...

    async def rotate_family(self, issuer: str, family_id: str, *, counter: int, now: int, idle_expires_at: int) -> bool:
        """Claim the refresh token that names ``counter``: the counter becomes ``counter + 1``, ``rotated_at`` ``now``.

        Requires an active, unexpired family on a live grant (client and user too).
        """
        ...

    async def touch_family(
        self, issuer: str, family_id: str, *, counter: int, now: int, rotated_since: int, idle_expires_at: int
    ) -> bool:
        """Claim a use that does not rotate: counter unchanged, ``rotated_at >= rotated_since``, family and grant live.

        Serves the overlap (``counter`` is the successor's) and refresh tokens that do not rotate
        (``rotated_since=0``).
        """
        ...

    async def find_standing_grant(self, issuer: str, client_id: str) -> StandingGrant | None:
        """Read a client's state and its standing grant; ``None`` for an unknown client."""
        ...

    async def begin_standing_grant(self, grant: Grant) -> bool:
        """Insert ``grant``, which is active, as its client's standing grant, in one write.

        ``False``, and nothing is written, when the client has one that has not ended or is itself not active, or when
        the random identifier is taken.
        """
        ...

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
        """End grants that have not ended, with their families; return their identifiers.

        ``keep_until`` becomes the ended grants' ``expires_at``: introspection needs them while tokens could live.
        """
        ...

    async def list_grants(
        self, issuer: str, *, by: Literal["user", "client"], key: str, after: str = "", limit: int = 100
    ) -> tuple[Grant, ...]:
        """Page through grants that have not ended, ordered by identifier."""
        ...

    async def revoke_token(self, issuer: str, jti: str, *, expires_at: int) -> None:
        """Put an access token on the deny list until it would have expired; doing it twice is no error."""
        ...

    async def token_state(self, issuer: str, grant_id: str, jti: str) -> TokenState:
        """Read whether the grant lives (with client and user) and whether ``jti`` is on the deny list."""
        ...


class SessionStore(Protocol):
    """Sessions, consents, interactions."""

    async def insert_session(self, session: Session, *, replacing: bytes | None = None) -> None:
        """Keep a new session; in the same transaction end ``replacing`` (session fixation)."""
        ...

    async def find_session(self, issuer: str, session_id: bytes, client_id: str, *, now: int) -> SessionView | None:
        """Read a live session of an active user with the consent for ``client_id``; ``None`` otherwise."""
        ...

    async def touch_session(self, issuer: str, session_id: bytes, *, now: int, expires_at: int) -> None:
        """Move ``last_seen_at`` and ``expires_at`` of a live session."""
        ...

    async def end_session(self, issuer: str, session_id: bytes) -> bool:
        """Delete a session; ``True`` if there was one."""
        ...

    async def list_sessions(self, issuer: str, user_id: str, *, now: int) -> tuple[Session, ...]:
        """Return a user's live sessions, newest first."""
        ...

    async def end_sessions(self, issuer: str, user_id: str) -> int:
        """Delete all sessions of a user; return how many."""
        ...

    async def put_consent(self, consent: Consent) -> bool:
        """Insert (version 1) or compare-and-set (version n replaces n-1); ``False`` when somebody was first."""
        ...

    async def delete_consent(self, issuer: str, user_id: str, client_id: str) -> bool:
        """Forget a remembered decision."""
        ...

    async def insert_interaction(self, interaction: Interaction) -> None:
        """Keep a new interaction."""
        ...

    async def find_interaction(self, issuer: str, interaction_id: str, *, now: int) -> Interaction | None:
        """Read an unexpired interaction."""
        ...

    async def replace_interaction(self, interaction: Interaction) -> bool:
        """Compare-and-set: ``interaction.version`` replaces its predecessor."""
        ...

    async def take_interaction(self, issuer: str, interaction_id: str, *, version: int) -> bool:
        """Claim and delete a finished interaction."""
        ...


class DirectoryStore(Protocol):
    """Clients, resource servers, users: administered records. Every change bumps the revision of its kind."""

    async def find_client(self, issuer: str, client_id: str) -> Client | None:
        """Read a client, disabled ones too."""
        ...

    async def put_client(self, client: Client) -> bool:
        """Insert (version 1) or compare-and-set; maintains the CORS origins of the client."""
        ...

    async def delete_client(self, issuer: str, client_id: str) -> bool:
        """Delete a client; its grants are ended by the caller first."""
        ...

    async def list_clients(self, issuer: str, *, after: str = "", limit: int = 100) -> tuple[Client, ...]:
        """Page through clients ordered by ``client_id``."""
        ...

    async def has_origin(self, issuer: str, origin: str) -> bool:
        """Whether some active client of the issuer runs in a browser at ``origin``."""
        ...

    async def put_resource_server(self, resource_server: ResourceServer) -> bool:
        """Insert (version 1) or compare-and-set. An identifier of another record raises ``DuplicateError``."""
        ...

    async def delete_resource_server(self, issuer: str, resource_server_id: str) -> bool:
        """Delete a resource server."""
        ...

    async def list_resource_servers(self, issuer: str) -> tuple[ResourceServer, ...]:
        """Return all resource servers of an issuer, ordered by identifier."""
        ...

    async def find_user(self, issuer: str, user_id: str) -> User | None:
        """Read a user, disabled ones too."""
        ...

    async def find_user_by_name(self, issuer: str, username: str) -> User | None:
        """Read a user by user name, compared after NFKC and case folding."""
        ...

    async def put_user(self, user: User) -> bool:
        """Insert (version 1) or compare-and-set. A taken user name raises ``DuplicateError``."""
        ...

    async def delete_user(self, issuer: str, user_id: str) -> bool:
        """Delete a user with sessions and consents; grants are ended by the caller first."""
        ...

    async def list_users(self, issuer: str, *, after: str = "", limit: int = 100) -> tuple[User, ...]:
        """Page through users ordered by ``user_id``."""
        ...

    async def revisions(self) -> dict[str, int]:
        """Return the change counters: ``clients``, ``resource_servers``, ``users``, ``keys``."""
        ...


class OperationsStore(Protocol):
    """Keys, audit, feature records, leases, upkeep."""

    async def put_key(self, key: SigningKeyRecord) -> bool:
        """Insert (version 1) or compare-and-set a signing key."""
        ...

    async def list_keys(self, issuer: str) -> tuple[SigningKeyRecord, ...]:
        """Return all keys of an issuer, oldest first."""
        ...

    async def delete_key(self, issuer: str, kid: str) -> bool:
        """Delete a key that is no longer published."""
        ...

    async def append_audit(self, events: Sequence[AuditEvent]) -> None:
        """Append events in order; ``(issuer, node, epoch, sequence)`` is unique."""
        ...

    async def list_audit(
        self, issuer: str, *, type_prefix: str = "", since: int = 0, before: int | None = None, limit: int = 100
    ) -> tuple[AuditEvent, ...]:
        """Read events, newest first."""
        ...

    async def insert_record(self, record: FeatureRecord) -> bool:
        """Insert once; ``False`` when an unexpired or expired record with that key is still there."""
        ...

    async def find_record(self, issuer: str, kind: str, key: str, *, now: int) -> FeatureRecord | None:
        """Read an unexpired record."""
        ...

    async def list_records(
        self, issuer: str, kind: str, *, now: int, after: str = "", limit: int = 100
    ) -> tuple[FeatureRecord, ...]:
        """Page through the unexpired records of a kind, ordered by key."""
        ...

    async def replace_record(self, record: FeatureRecord) -> bool:
        """Compare-and-set: ``record.version`` replaces its predecessor."""
        ...

    async def take_record(self, issuer: str, kind: str, key: str, *, now: int) -> FeatureRecord | None:
        """Read and delete an unexpired record: exactly one caller gets it."""
        ...

    async def acquire_lease(self, name: str, holder: str, *, now: int, seconds: int) -> Lease | None:
        """Take or renew a lease; ``None`` while another holder's lives. Taking it over grows the fencing number."""
        ...

    async def release_lease(self, lease: Lease) -> None:
        """Give a lease back early."""
        ...

    async def delete_expired(self, *, now: int, limit: int) -> dict[str, int]:
        """Delete at most ``limit`` expired rows of every kind; return the count by kind."""
        ...

    async def delete_audit(self, *, before: int, limit: int) -> int:
        """Delete at most ``limit`` events older than ``before``, oldest first; return how many."""
        ...

    async def ping(self) -> None:
        """Prove that reads and writes work; raises ``StoreUnavailableError``."""
        ...

    async def close(self) -> None:
        """Finish what was accepted and release everything."""
        ...


class Store(GrantStore, SessionStore, DirectoryStore, OperationsStore, Protocol):
    """Everything, for the assembly of a server; rules ask for the narrow part that they need."""
