"""The tables, in SQLAlchemy Core: TEXT, BLOB and BIGINT only, so that every database engine can share them.

Imported only to compile statements and to migrate; a running server never loads SQLAlchemy. A record's ``body`` is its
msgspec JSON without the columns that are queried, compared or updated. Rows of up to about 200 bytes live in their
primary key (``WITHOUT ROWID`` on SQLite), larger ones beside it.
"""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, Table, Text

metadata = MetaData()


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=null)


def _number(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=null, autoincrement=False)


def _blob(name: str, *, key: bool = False, null: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, primary_key=key, nullable=null)


client = Table(
    "client",
    metadata,
    _text("issuer", key=True),
    _text("client_id", key=True),
    _text("status"),
    _number("version"),
    _blob("body"),
)

client_origin = Table(
    "client_origin",
    metadata,
    _text("issuer", key=True),
    _text("origin", key=True),
    _text("client_id", key=True),
    Index("client_origin_client", "issuer", "client_id"),
    sqlite_with_rowid=False,
)

resource_server = Table(
    "resource_server",
    metadata,
    _text("issuer", key=True),
    _text("resource_server_id", key=True),
    _number("version"),
    _blob("body"),
)

resource_server_identifier = Table(
    "resource_server_identifier",
    metadata,
    _text("issuer", key=True),
    _text("identifier", key=True),
    _text("resource_server_id"),
    Index("resource_server_identifier_owner", "issuer", "resource_server_id"),
    sqlite_with_rowid=False,
)

user_account = Table(
    "user_account",
    metadata,
    _text("issuer", key=True),
    _text("user_id", key=True),
    _text("folded_username"),
    _text("status"),
    _number("version"),
    _blob("body"),
    Index("user_account_folded_username", "issuer", "folded_username", unique=True),
)

session = Table(
    "session",
    metadata,
    _text("issuer", key=True),
    _blob("session_id", key=True),
    _text("user_id"),
    _number("last_seen_at"),
    _number("expires_at"),
    _blob("body"),
    Index("session_user", "issuer", "user_id"),
    Index("session_expires_at", "expires_at"),
)

consent = Table(
    "consent",
    metadata,
    _text("issuer", key=True),
    _text("user_id", key=True),
    _text("client_id", key=True),
    _number("version"),
    _blob("body"),
    Index("consent_client", "issuer", "client_id"),
)

interaction = Table(
    "interaction",
    metadata,
    _text("issuer", key=True),
    _text("interaction_id", key=True),
    _blob("user_agent_hash"),
    _number("version"),
    _number("expires_at"),
    _blob("body"),
    Index("interaction_expires_at", "expires_at"),
)

authorization_grant = Table(
    "authorization_grant",
    metadata,
    _text("issuer", key=True),
    _text("grant_id", key=True),
    _text("status"),
    _text("client_id"),
    _text("standing_key", null=True),  # client_id while this is its client's standing grant and has not ended
    _text("user_id", null=True),
    _blob("session_id", null=True),
    _blob("code_hash", null=True),
    _number("code_expires_at", null=True),
    _number("expires_at", null=True),
    _number("leaves_at", null=True),  # code_expires_at while pending, then expires_at
    _number("ended_at", null=True),
    _text("ended_reason"),
    _number("created_at"),
    _blob("body"),
)
# A grant that has ended leaves these three; they serve lists and the cascade, which look at the others only.
_open = authorization_grant.c.ended_at.is_(None)
# A client's may be many and are paged through by identifier; the others' are few and may stand as they came.
for _by, _then in (("user", ()), ("client", ("grant_id",)), ("session", ())):
    Index(
        f"authorization_grant_{_by}",
        *(authorization_grant.c[_name] for _name in ("issuer", f"{_by}_id", *_then)),
        sqlite_where=_open & authorization_grant.c[f"{_by}_id"].is_not(None),
        postgresql_where=_open & authorization_grant.c[f"{_by}_id"].is_not(None),
    )
Index(
    "authorization_grant_leaves_at",
    authorization_grant.c.leaves_at,
    sqlite_where=authorization_grant.c.leaves_at.is_not(None),
    postgresql_where=authorization_grant.c.leaves_at.is_not(None),
)
# One standing grant for each client; all other grants stay outside.
Index(
    "authorization_grant_standing",
    authorization_grant.c.issuer,
    authorization_grant.c.standing_key,
    unique=True,
    sqlite_where=authorization_grant.c.standing_key.is_not(None),
    postgresql_where=authorization_grant.c.standing_key.is_not(None),
)

refresh_family = Table(
    "refresh_family",
    metadata,
    _text("issuer", key=True),
    _text("family_id", key=True),
    _text("grant_id"),
    _text("client_id"),
    _number("counter"),
    _text("status"),
    _number("rotated_at"),
    _number("idle_expires_at"),
    _number("expires_at"),
    _number("leaves_at"),  # the earlier of the two above
    _number("created_at"),
    Index("refresh_family_grant", "issuer", "grant_id"),
    Index("refresh_family_leaves_at", "leaves_at"),
)

revoked_token = Table(
    "revoked_token",
    metadata,
    _text("issuer", key=True),
    _text("jti", key=True),
    _number("expires_at"),
    Index("revoked_token_expires_at", "expires_at"),
    sqlite_with_rowid=False,
)

signing_key = Table(
    "signing_key",
    metadata,
    _text("issuer", key=True),
    _text("kid", key=True),
    _number("created_at"),
    _number("version"),
    _blob("body"),
)

audit_event = Table(
    "audit_event",
    metadata,
    _text("issuer", key=True),
    _text("node", key=True),
    _text("epoch", key=True),
    _number("sequence", key=True),
    _number("at"),
    _text("type"),
    _blob("body"),
    Index("audit_event_issuer_at", "issuer", "at", "sequence"),
    Index("audit_event_at", "at"),
)

feature_record = Table(
    "feature_record",
    metadata,
    _text("issuer", key=True),
    _text("kind", key=True),
    _text("key", key=True),
    _number("version"),
    _number("expires_at", null=True),
    _blob("body"),
    sqlite_with_rowid=False,
)
Index(
    "feature_record_expires_at",
    feature_record.c.expires_at,
    sqlite_where=feature_record.c.expires_at.is_not(None),
    postgresql_where=feature_record.c.expires_at.is_not(None),
)

lease = Table(
    "lease",
    metadata,
    _text("name", key=True),
    _text("holder"),
    _number("fence"),
    _number("expires_at"),
    sqlite_with_rowid=False,
)

revision = Table(
    "revision",
    metadata,
    _text("name", key=True),
    _number("value"),
    sqlite_with_rowid=False,
)

REVISIONS = ("clients", "keys", "probe", "resource_servers", "users")
"""Rows of ``revision`` that exist from the first migration on; ``probe`` is written to prove that writes work."""
