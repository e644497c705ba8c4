"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "audit_event",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "node", "epoch", "sequence"),
    )
    op.create_index("audit_event_at", "audit_event", ["at"], unique=False)
    op.create_index("audit_event_issuer_at", "audit_event", ["issuer", "at", "sequence"], unique=False)
    op.create_table(
        "authorization_grant",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("standing_key", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.LargeBinary(), nullable=True),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("code_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("leaves_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "grant_id"),
    )
    op.create_index(
        "authorization_grant_client",
        "authorization_grant",
        ["issuer", "client_id", "grant_id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL AND client_id IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NULL AND client_id IS NOT NULL"),
    )
    op.create_index(
        "authorization_grant_leaves_at",
        "authorization_grant",
        ["leaves_at"],
        unique=False,
        sqlite_where=sa.text("leaves_at IS NOT NULL"),
        postgresql_where=sa.text("leaves_at IS NOT NULL"),
    )
    op.create_index(
        "authorization_grant_session",
        "authorization_grant",
        ["issuer", "session_id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL AND session_id IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NULL AND session_id IS NOT NULL"),
    )
    op.create_index(
        "authorization_grant_standing",
        "authorization_grant",
        ["issuer", "standing_key"],
        unique=True,
        sqlite_where=sa.text("standing_key IS NOT NULL"),
        postgresql_where=sa.text("standing_key IS NOT NULL"),
    )
    op.create_index(
        "authorization_grant_user",
        "authorization_grant",
        ["issuer", "user_id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL AND user_id IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NULL AND user_id IS NOT NULL"),
    )
    op.create_table(
        "client",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "client_id"),
    )
    op.create_table(
        "client_origin",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "origin", "client_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("client_origin_client", "client_origin", ["issuer", "client_id"], unique=False)
    op.create_table(
        "consent",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "user_id", "client_id"),
    )
    op.create_index("consent_client", "consent", ["issuer", "client_id"], unique=False)
    op.create_table(
        "feature_record",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "kind", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "feature_record_expires_at",
        "feature_record",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("expires_at IS NOT NULL"),
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_table(
        "interaction",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("interaction_id", sa.Text(), nullable=False),
        sa.Column("user_agent_hash", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "interaction_id"),
    )
    op.create_index("interaction_expires_at", "interaction", ["expires_at"], unique=False)
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "refresh_family",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("family_id", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("rotated_at", sa.BigInteger(), nullable=False),
        sa.Column("idle_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("leaves_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "family_id"),
    )
    op.create_index("refresh_family_grant", "refresh_family", ["issuer", "grant_id"], unique=False)
    op.create_index("refresh_family_leaves_at", "refresh_family", ["leaves_at"], unique=False)
    op.create_table(
        "resource_server",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("resource_server_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "resource_server_id"),
    )
    op.create_table(
        "resource_server_identifier",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("resource_server_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "identifier"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "resource_server_identifier_owner", "resource_server_identifier", ["issuer", "resource_server_id"], unique=False
    )
    op.create_table(
        "revision",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "revoked_token",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti"),
        sqlite_with_rowid=False,
    )
    op.create_index("revoked_token_expires_at", "revoked_token", ["expires_at"], unique=False)
    op.create_table(
        "session",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("session_id", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "session_id"),
    )
    op.create_index("session_expires_at", "session", ["expires_at"], unique=False)
    op.create_index("session_user", "session", ["issuer", "user_id"], unique=False)
    op.create_table(
        "signing_key",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "kid"),
    )
    op.create_table(
        "user_account",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("folded_username", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "user_id"),
    )
    op.create_index("user_account_folded_username", "user_account", ["issuer", "folded_username"], unique=True)
    revision_table = sa.table("revision", sa.column("name", sa.Text), sa.column("value", sa.BigInteger))
    names = ("clients", "keys", "probe", "resource_servers", "users")
    op.bulk_insert(revision_table, [{"name": name, "value": 0} for name in names])


def downgrade() -> None:
    """Drop all tables."""
    for name in (
        "user_account",
        "signing_key",
        "session",
        "revoked_token",
        "revision",
        "resource_server_identifier",
        "resource_server",
        "refresh_family",
        "lease",
        "interaction",
        "feature_record",
        "consent",
        "client_origin",
        "client",
        "authorization_grant",
        "audit_event",
    ):
        op.drop_table(name)
