"""Statements on grants, refresh token families and the deny list."""

from sqlalchemy import ColumnElement, FromClause, Select, and_, case, null, select, update

from grantd.storage import schema
from grantd.storage.definitions.kit import (
    ACTIVE,
    ENDED,
    ONE,
    PENDING,
    ZERO,
    Definition,
    at,
    blob,
    client_active,
    columns,
    define,
    expiry,
    flag,
    insert_once,
    insert_once_where,
    number,
    text,
    user_active,
)

grant = schema.authorization_grant
family = schema.refresh_family
client = schema.client
user = schema.user_account

GRANT_COLUMNS = tuple(column for column in grant.c if column.name not in {"standing_key", "leaves_at"})
FAMILY_COLUMNS = tuple(column for column in family.c if column.name != "leaves_at")


def _with_owners(source: FromClause) -> FromClause:
    """Join the client and the user of a grant, present or not."""
    return source.outerjoin(
        client, and_(client.c.issuer == grant.c.issuer, client.c.client_id == grant.c.client_id)
    ).outerjoin(user, and_(user.c.issuer == grant.c.issuer, user.c.user_id == grant.c.user_id))


LIVENESS = (
    flag(client.c.status == ACTIVE).label("client_active"),
    flag(grant.c.user_id.is_(None) | (user.c.status == ACTIVE)).label("user_active"),
)


def _live(issuer: ColumnElement[str], grant_id: ColumnElement[str]) -> Select[int]:
    """Find a grant that is active, as are its client and its user."""
    return (
        select(ONE)
        .select_from(_with_owners(grant))
        .where(
            grant.c.issuer == issuer,
            grant.c.grant_id == grant_id,
            grant.c.status == ACTIVE,
            client.c.status == ACTIVE,
            grant.c.user_id.is_(None) | (user.c.status == ACTIVE),
        )
    )


def _claim_family() -> ColumnElement[bool]:
    """Claim a live family of a live grant whose current refresh token is number ``counter``."""
    return and_(
        at(family, "issuer", "family_id", "counter"),
        family.c.status == ACTIVE,
        family.c.idle_expires_at > number("now"),
        family.c.expires_at > number("now"),
        _live(family.c.issuer, family.c.grant_id).correlate(family).exists(),
    )


_idle = number("idle_expires_at")
_prolong = {
    "idle_expires_at": _idle,
    "leaves_at": case((_idle < family.c.expires_at, _idle), else_=family.c.expires_at),
}


def _endings(by: str) -> tuple[Definition, Definition]:
    """End the open grants of one user, client or session (or one grant), their families first."""
    column = grant.c[f"{by}_id"]
    key = blob("key") if by == "session" else text("key")
    picked = and_(grant.c.issuer == text("issuer"), column == key, grant.c.ended_at.is_(None))
    return (
        define(
            f"end_families_by_{by}",
            "issuer key",
            update(family)
            .where(
                picked,
                family.c.issuer == text("issuer"),
                family.c.grant_id == grant.c.grant_id,
                family.c.status == ACTIVE,
            )
            .values(status=ENDED),
        ),
        define(
            f"end_grants_by_{by}",
            "issuer key now reason keep_until",
            update(grant)
            .where(picked)
            .values(
                status=ENDED,
                standing_key=null(),
                ended_at=number("now"),
                ended_reason=text("reason"),
                expires_at=number("keep_until"),
                leaves_at=number("keep_until"),
            )
            .returning(grant.c.grant_id),
        ),
    )


def _listing(by: str) -> Definition:
    return define(
        f"list_grants_by_{by}",
        "issuer key after limit",
        select(*GRANT_COLUMNS)
        .where(
            grant.c.issuer == text("issuer"),
            grant.c[f"{by}_id"] == text("key"),
            grant.c.grant_id > text("after"),
            grant.c.ended_at.is_(None),
        )
        .order_by(grant.c.grant_id)
        .limit(number("limit"))
        .offset(ZERO),
    )


DEFINITIONS = (
    define("insert_grant", columns(grant), insert_once(grant)),
    define(
        "find_grant",
        "issuer grant_id",
        select(*GRANT_COLUMNS, *LIVENESS).select_from(_with_owners(grant)).where(at(grant, "issuer", "grant_id")),
    ),
    define(
        "redeem_code",
        "issuer grant_id code_hash now expires_at",
        update(grant)
        .where(
            at(grant, "issuer", "grant_id", "code_hash"),
            grant.c.status == PENDING,
            grant.c.code_expires_at > number("now"),
            client_active(grant.c.issuer, grant.c.client_id),
            user_active(grant.c.issuer, grant.c.user_id),
        )
        .values(status=ACTIVE, expires_at=number("expires_at"), leaves_at=number("expires_at")),
    ),
    define("insert_family", columns(family), insert_once(family)),
    define(
        "find_family",
        "issuer family_id",
        select(*FAMILY_COLUMNS, *GRANT_COLUMNS, *LIVENESS)
        .select_from(
            _with_owners(
                family.join(grant, and_(grant.c.issuer == family.c.issuer, grant.c.grant_id == family.c.grant_id))
            )
        )
        .where(at(family, "issuer", "family_id")),
    ),
    define(
        "rotate_family",
        "issuer family_id counter now idle_expires_at",
        update(family)
        .where(_claim_family())
        .values(counter=family.c.counter + ONE, rotated_at=number("now"), **_prolong),
    ),
    define(
        "touch_family",
        "issuer family_id counter now rotated_since idle_expires_at",
        update(family).where(_claim_family(), family.c.rotated_at >= number("rotated_since")).values(**_prolong),
    ),
    define(
        "find_standing_grant",
        "issuer client_id",
        select(client.c.version, flag(client.c.status == ACTIVE).label("client_active"), grant.c.grant_id)
        .select_from(
            client.outerjoin(grant, and_(grant.c.issuer == client.c.issuer, grant.c.standing_key == client.c.client_id))
        )
        .where(at(client, "issuer", "client_id")),
    ),
    define(
        "begin_standing_grant",
        columns(grant),
        insert_once_where(grant, client_active(text("issuer"), text("client_id"))),
    ),
    define(
        "forget_standing_grant",
        "issuer client_id",
        update(grant).where(at(grant, "issuer"), grant.c.standing_key == text("client_id")).values(standing_key=null()),
    ),
    *_endings("grant"),
    *_endings("user"),
    *_endings("client"),
    *_endings("session"),
    _listing("user"),
    _listing("client"),
    define("revoke_token", columns(schema.revoked_token), insert_once(schema.revoked_token)),
    define(
        "token_state",
        "issuer grant_id jti",
        select(
            flag(_live(text("issuer"), text("grant_id")).exists()).label("grant_live"),
            flag(
                select(ONE).select_from(schema.revoked_token).where(at(schema.revoked_token, "issuer", "jti")).exists()
            ).label("revoked"),
        ),
    ),
    *expiry(grant, "issuer", "grant_id", by="leaves_at"),
    *expiry(family, "issuer", "family_id", by="leaves_at"),
    *expiry(schema.revoked_token, "issuer", "jti", by="expires_at"),
)
