"""Statements on sessions, consents and interactions."""

from sqlalchemy import and_, select, update

from grantd.storage import schema
from grantd.storage.definitions.kit import (
    ACTIVE,
    at,
    columns,
    define,
    expiry,
    insert_once,
    number,
    remove,
    replace,
    text,
)

session = schema.session
consent = schema.consent
interaction = schema.interaction
user = schema.user_account

DEFINITIONS = (
    define("insert_session", columns(session), insert_once(session)),
    define(
        "find_session",
        "issuer session_id client_id now",
        select(*session.c, user.c.body.label("user_body"), consent.c.body.label("consent_body"))
        .select_from(
            session.join(user, and_(user.c.issuer == session.c.issuer, user.c.user_id == session.c.user_id)).outerjoin(
                consent,
                and_(
                    consent.c.issuer == session.c.issuer,
                    consent.c.user_id == session.c.user_id,
                    consent.c.client_id == text("client_id"),
                ),
            )
        )
        .where(at(session, "issuer", "session_id"), session.c.expires_at > number("now"), user.c.status == ACTIVE),
    ),
    define(
        "touch_session",
        "issuer session_id now expires_at",
        update(session)
        .where(at(session, "issuer", "session_id"), session.c.expires_at > number("now"))
        .values(last_seen_at=number("now"), expires_at=number("expires_at")),
    ),
    define("end_session", "issuer session_id", remove(session, "issuer", "session_id")),
    define(
        "list_sessions",
        "issuer user_id now",
        select(*session.c).where(at(session, "issuer", "user_id"), session.c.expires_at > number("now")),
    ),
    define("end_sessions", "issuer user_id", remove(session, "issuer", "user_id")),
    define("insert_consent", columns(consent), insert_once(consent)),
    define(
        "replace_consent",
        "issuer user_id client_id version body",
        replace(consent, "issuer", "user_id", "client_id", names="body"),
    ),
    define("delete_consent", "issuer user_id client_id", remove(consent, "issuer", "user_id", "client_id")),
    define("delete_consents_of_user", "issuer user_id", remove(consent, "issuer", "user_id")),
    define("delete_consents_of_client", "issuer client_id", remove(consent, "issuer", "client_id")),
    define("insert_interaction", columns(interaction), insert_once(interaction)),
    define(
        "find_interaction",
        "issuer interaction_id now",
        select(*interaction.c).where(
            at(interaction, "issuer", "interaction_id"), interaction.c.expires_at > number("now")
        ),
    ),
    define(
        "replace_interaction",
        "issuer interaction_id user_agent_hash version expires_at body",
        replace(interaction, "issuer", "interaction_id", names="user_agent_hash expires_at body"),
    ),
    define(
        "take_interaction",
        "issuer interaction_id version",
        remove(interaction, "issuer", "interaction_id", "version"),
    ),
    *expiry(session, "issuer", "session_id", by="expires_at"),
    *expiry(interaction, "issuer", "interaction_id", by="expires_at"),
)
