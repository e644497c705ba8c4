"""Records to rows and back: what stands in columns and what in the body. Shared by all SQL stores."""

import unicodedata
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field

from grantd.storage.records import (
    AuditEvent,
    Client,
    Consent,
    FeatureRecord,
    Grant,
    GrantView,
    Interaction,
    RefreshFamily,
    RefreshView,
    ResourceServer,
    Session,
    SessionView,
    SigningKeyRecord,
    User,
)

Row = tuple[Any, ...]
"""A row as the driver gives it; the statement decides which columns it has."""


class _GrantBody(Struct, frozen=True, omit_defaults=True):
    """What of a grant is never queried or updated."""

    grant_type: str
    subject: str
    scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    authorization_details: tuple[dict[str, Any], ...] = ()
    acr: str = ""
    amr: tuple[str, ...] = ()
    auth_time: int | None = None
    confirmation: dict[str, Any] | None = None
    actor: dict[str, Any] | None = None
    task: str | None = None
    consent: dict[str, Any] | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    redirect_uri: str = ""
    redirect_uri_sent: bool = False


class _SessionBody(Struct, frozen=True, omit_defaults=True):
    """What of a session is never queried or updated."""

    auth_time: int
    acr: str
    amr: tuple[str, ...]
    user_agent: str
    created_at: int


encode = msgspec.json.Encoder().encode
_decode_grant = msgspec.json.Decoder(_GrantBody).decode
_decode_session = msgspec.json.Decoder(_SessionBody).decode
decode_user = msgspec.json.Decoder(User).decode
decode_client = msgspec.json.Decoder(Client).decode
decode_consent = msgspec.json.Decoder(Consent).decode
decode_resource_server = msgspec.json.Decoder(ResourceServer).decode
decode_key = msgspec.json.Decoder(SigningKeyRecord).decode
decode_audit = msgspec.json.Decoder(AuditEvent).decode


def fold(username: str) -> str:
    """Return the form in which user names are compared: NFKC, case folded, NFKC again (folding may denormalise)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())


def origins(client: Client) -> tuple[str, ...]:
    """Return the origins at which a client's browser code may run: configured ones, and of https redirect URIs."""
    found = set(client.metadata.allowed_origins)
    for uri in client.metadata.redirect_uris:
        try:
            parts = urlsplit(uri)
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError:
            continue
        if scheme == "https" and host:
            name = f"[{host}]" if ":" in host else host
            found.add(f"https://{name}" if port in {None, 443} else f"https://{name}:{port}")
    return tuple(sorted(found))


def grant_leaves_at(grant: Grant) -> int | None:
    """Return when a grant's row may leave: a pending one with its code."""
    if grant.status == "pending" and grant.code_expires_at is not None:
        return grant.code_expires_at
    return grant.expires_at


def family_leaves_at(family: RefreshFamily) -> int:
    """Return when a family's row may leave: at its end or when it was idle too long."""
    return min(family.expires_at, family.idle_expires_at)


def grant_row(grant: Grant, *, standing: bool = False) -> Row:
    """Lay out a grant, its client's ``standing`` one or another, as the columns of ``authorization_grant``."""
    body = _GrantBody(
        grant.grant_type,
        grant.subject,
        grant.scopes,
        grant.resources,
        grant.authorization_details,
        grant.acr,
        grant.amr,
        grant.auth_time,
        grant.confirmation,
        grant.actor,
        grant.task,
        grant.consent,
        grant.evidence,
        grant.redirect_uri,
        grant.redirect_uri_sent,
    )
    return (
        grant.issuer,
        grant.grant_id,
        grant.status,
        grant.client_id,
        grant.client_id if standing else None,
        grant.user_id,
        grant.session_id,
        grant.code_hash,
        grant.code_expires_at,
        grant.expires_at,
        grant_leaves_at(grant),
        grant.ended_at,
        grant.ended_reason,
        grant.created_at,
        encode(body),
    )


def grant_from(row: Row) -> Grant:
    """Read the 13 columns of a grant (all but ``standing_key`` and ``leaves_at``)."""
    (
        issuer,
        grant_id,
        status,
        client_id,
        user_id,
        session_id,
        code_hash,
        code_expires_at,
        expires_at,
        ended_at,
        ended_reason,
        created_at,
        encoded,
    ) = row
    body = _decode_grant(encoded)
    return Grant(
        issuer=issuer,
        grant_id=grant_id,
        grant_type=body.grant_type,
        client_id=client_id,
        subject=body.subject,
        user_id=user_id,
        status=status,
        session_id=session_id,
        scopes=body.scopes,
        resources=body.resources,
        authorization_details=body.authorization_details,
        acr=body.acr,
        amr=body.amr,
        auth_time=body.auth_time,
        confirmation=body.confirmation,
        actor=body.actor,
        task=body.task,
        consent=body.consent,
        evidence=body.evidence,
        redirect_uri=body.redirect_uri,
        redirect_uri_sent=body.redirect_uri_sent,
        code_hash=code_hash,
        code_expires_at=code_expires_at,
        created_at=created_at,
        expires_at=expires_at,
        ended_at=ended_at,
        ended_reason=ended_reason,
    )


def grant_view_from(row: Row) -> GrantView:
    """Read a grant and the two flags of its owners."""
    return GrantView(grant_from(row[:13]), row[13] == 1, row[14] == 1)


def family_row(family: RefreshFamily) -> Row:
    """Lay out a family as the columns of ``refresh_family``."""
    return (
        family.issuer,
        family.family_id,
        family.grant_id,
        family.client_id,
        family.counter,
        family.status,
        family.rotated_at,
        family.idle_expires_at,
        family.expires_at,
        family_leaves_at(family),
        family.created_at,
    )


def refresh_view_from(row: Row) -> RefreshView:
    """Read a family (all columns but ``leaves_at``) and its grant view."""
    family = RefreshFamily(
        issuer=row[0],
        family_id=row[1],
        grant_id=row[2],
        client_id=row[3],
        counter=row[4],
        status=row[5],
        rotated_at=row[6],
        idle_expires_at=row[7],
        expires_at=row[8],
        created_at=row[9],
    )
    return RefreshView(family, grant_view_from(row[10:]))


def session_row(session: Session) -> Row:
    """Lay out a session as the columns of ``session``."""
    body = _SessionBody(session.auth_time, session.acr, session.amr, session.user_agent, session.created_at)
    return (
        session.issuer,
        session.session_id,
        session.user_id,
        session.last_seen_at,
        session.expires_at,
        encode(body),
    )


def session_from(row: Row) -> Session:
    """Read the columns of a session."""
    body = _decode_session(row[5])
    return Session(
        issuer=row[0],
        session_id=row[1],
        user_id=row[2],
        auth_time=body.auth_time,
        acr=body.acr,
        amr=body.amr,
        user_agent=body.user_agent,
        created_at=body.created_at,
        last_seen_at=row[3],
        expires_at=row[4],
    )


def session_view_from(row: Row) -> SessionView:
    """Read a session, its user's body and the body of a consent or NULL."""
    consent = None if row[7] is None else decode_consent(row[7])
    return SessionView(session_from(row), decode_user(row[6]), consent)


def client_row(client: Client) -> Row:
    """Lay out a client as the columns of ``client``."""
    return (client.issuer, client.client_id, client.status, client.version, encode(client))


def user_row(user: User) -> Row:
    """Lay out a user as the columns of ``user_account``."""
    return (user.issuer, user.user_id, fold(user.username), user.status, user.version, encode(user))


def interaction_row(interaction: Interaction) -> Row:
    """Lay out an interaction as the columns of ``interaction``."""
    return (
        interaction.issuer,
        interaction.interaction_id,
        interaction.user_agent_hash,
        interaction.version,
        interaction.expires_at,
        interaction.body,
    )


def interaction_from(row: Row) -> Interaction:
    """Read the columns of an interaction."""
    return Interaction(
        issuer=row[0],
        interaction_id=row[1],
        user_agent_hash=row[2],
        version=row[3],
        expires_at=row[4],
        body=row[5],
    )


def record_row(record: FeatureRecord) -> Row:
    """Lay out a feature record as the columns of ``feature_record``."""
    return (record.issuer, record.kind, record.key, record.version, record.expires_at, record.body)


def audit_row(event: AuditEvent) -> Row:
    """Lay out an audit event as the columns of ``audit_event``."""
    return (event.issuer, event.node, event.epoch, event.sequence, event.at, event.type, encode(event))
