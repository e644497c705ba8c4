"""Statements on clients, resource servers, users and the revisions of these kinds."""

from sqlalchemy import and_, select, update

from grantd.storage import schema
from grantd.storage.definitions.kit import (
    ACTIVE,
    ONE,
    ZERO,
    at,
    columns,
    define,
    insert_once,
    number,
    remove,
    replace,
    text,
)

client = schema.client
origin = schema.client_origin
resource_server = schema.resource_server
identifier = schema.resource_server_identifier
user = schema.user_account
revision = schema.revision

_namesake = user.alias("namesake")

DEFINITIONS = (
    define("find_client", "issuer client_id", select(client.c.body).where(at(client, "issuer", "client_id"))),
    define("insert_client", columns(client), insert_once(client)),
    define(
        "replace_client",
        columns(client),
        replace(client, "issuer", "client_id", names="status body"),
    ),
    define("delete_client", "issuer client_id", remove(client, "issuer", "client_id")),
    define(
        "list_clients",
        "issuer after limit",
        select(client.c.body)
        .where(at(client, "issuer"), client.c.client_id > text("after"))
        .order_by(client.c.client_id)
        .limit(number("limit"))
        .offset(ZERO),
    ),
    define("insert_origin", columns(origin), insert_once(origin)),
    define("delete_origins", "issuer client_id", remove(origin, "issuer", "client_id")),
    define(
        "has_origin",
        "issuer origin",
        select(ONE)
        .select_from(
            origin.join(client, and_(client.c.issuer == origin.c.issuer, client.c.client_id == origin.c.client_id))
        )
        .where(at(origin, "issuer", "origin"), client.c.status == ACTIVE)
        .limit(ONE)
        .offset(ZERO),
    ),
    define("insert_resource_server", columns(resource_server), insert_once(resource_server)),
    define(
        "replace_resource_server",
        columns(resource_server),
        replace(resource_server, "issuer", "resource_server_id", names="body"),
    ),
    define(
        "delete_resource_server",
        "issuer resource_server_id",
        remove(resource_server, "issuer", "resource_server_id"),
    ),
    define(
        "list_resource_servers",
        "issuer",
        select(resource_server.c.body)
        .where(at(resource_server, "issuer"))
        .order_by(resource_server.c.resource_server_id),
    ),
    define("insert_identifier", columns(identifier), insert_once(identifier)),
    define("delete_identifiers", "issuer resource_server_id", remove(identifier, "issuer", "resource_server_id")),
    define("find_user", "issuer user_id", select(user.c.body).where(at(user, "issuer", "user_id"))),
    define(
        "find_user_by_name",
        "issuer folded_username",
        select(user.c.body).where(at(user, "issuer", "folded_username")),
    ),
    define("insert_user", columns(user), insert_once(user)),
    define(
        "replace_user",
        columns(user),
        replace(user, "issuer", "user_id", names="folded_username status body").where(
            ~select(ONE)
            .select_from(_namesake)
            .where(
                _namesake.c.issuer == text("issuer"),
                _namesake.c.folded_username == text("folded_username"),
                _namesake.c.user_id != text("user_id"),
            )
            .exists()
        ),
    ),
    define(
        "find_name_owner",
        "issuer folded_username",
        select(user.c.user_id).where(at(user, "issuer", "folded_username")),
    ),
    define("delete_user", "issuer user_id", remove(user, "issuer", "user_id")),
    define(
        "list_users",
        "issuer after limit",
        select(user.c.body)
        .where(at(user, "issuer"), user.c.user_id > text("after"))
        .order_by(user.c.user_id)
        .limit(number("limit"))
        .offset(ZERO),
    ),
    define("bump_revision", "name", update(revision).where(at(revision, "name")).values(value=revision.c.value + ONE)),
    define("revisions", "", select(revision.c.name, revision.c.value)),
)
