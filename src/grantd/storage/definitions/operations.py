"""Statements on signing keys, audit events, feature records and leases."""

from sqlalchemy import and_, case, func, select, update

from grantd.storage import schema
from grantd.storage.definitions.kit import (
    ONE,
    ZERO,
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

key = schema.signing_key
audit = schema.audit_event
record = schema.feature_record
lease = schema.lease

_unexpired = record.c.expires_at.is_(None) | (record.c.expires_at > number("now"))
_mine = lease.c.holder == text("holder")
_lapsed = lease.c.expires_at <= number("now")

DEFINITIONS = (
    define("insert_key", columns(key), insert_once(key)),
    define("replace_key", "issuer kid version body", replace(key, "issuer", "kid", names="body")),
    define("list_keys", "issuer", select(key.c.body).where(at(key, "issuer")).order_by(key.c.created_at, key.c.kid)),
    define("delete_key", "issuer kid", remove(key, "issuer", "kid")),
    define("append_audit", columns(audit), insert_once(audit)),
    define(
        "list_audit",
        "issuer prefix_length type_prefix since before limit",
        select(audit.c.body)
        .where(
            at(audit, "issuer"),
            func.substr(audit.c.type, ONE, number("prefix_length")) == text("type_prefix"),
            audit.c.at >= number("since"),
            audit.c.at < number("before"),
        )
        .order_by(audit.c.at.desc(), audit.c.sequence.desc())
        .limit(number("limit"))
        .offset(ZERO),
    ),
    define("insert_record", columns(record), insert_once(record)),
    define(
        "find_record",
        "issuer kind key now",
        select(record.c.version, record.c.expires_at, record.c.body).where(
            at(record, "issuer", "kind", "key"), _unexpired
        ),
    ),
    define(
        "list_records",
        "issuer kind after now limit",
        select(record.c.key, record.c.version, record.c.expires_at, record.c.body)
        .where(at(record, "issuer", "kind"), record.c.key > text("after"), _unexpired)
        .order_by(record.c.key)
        .limit(number("limit"))
        .offset(ZERO),
    ),
    define(
        "replace_record",
        columns(record),
        replace(record, "issuer", "kind", "key", names="expires_at body"),
    ),
    define(
        "take_record",
        "issuer kind key now",
        remove(record, "issuer", "kind", "key")
        .where(_unexpired)
        .returning(record.c.version, record.c.expires_at, record.c.body),
    ),
    define(
        "renew_lease",
        "name holder now expires_at",
        update(lease)
        .where(at(lease, "name"), _mine | _lapsed)
        .values(
            holder=text("holder"),
            expires_at=number("expires_at"),
            fence=case((and_(_mine, ~_lapsed), lease.c.fence), else_=lease.c.fence + ONE),
        )
        .returning(lease.c.fence),
    ),
    define("insert_lease", columns(lease), insert_once(lease)),
    define(
        "release_lease",
        "name holder fence",
        update(lease).where(at(lease, "name", "holder", "fence")).values(expires_at=ZERO),
    ),
    *expiry(record, "issuer", "kind", "key", by="expires_at"),
    *expiry(audit, "issuer", "node", "epoch", "sequence", by="at"),
)
