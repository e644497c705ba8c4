"""What the definitions are built with: named parameters in a declared order, constants in the text, no hidden binds."""

from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ClauseElement,
    ColumnElement,
    Delete,
    LargeBinary,
    Table,
    Text,
    Update,
    bindparam,
    case,
    delete,
    literal_column,
    select,
    update,
)

# The PostgreSQL form of INSERT knows ON CONFLICT, and the compilers of both dialects write it alike.
from sqlalchemy.dialects.postgresql import Insert, insert

from grantd.storage import schema


class Definition(NamedTuple):
    """A statement, its name and the order in which callers hand over its parameters."""

    name: str
    parameters: tuple[str, ...]
    element: ClauseElement


def define(name: str, parameters: str, element: ClauseElement) -> Definition:
    """Describe a statement; ``parameters`` are the names of its binds, separated by blanks."""
    return Definition(name, tuple(parameters.split()), element)


def number(name: str) -> BindParameter[int]:
    """Name a BIGINT parameter."""
    return bindparam(name, type_=BigInteger)


def text(name: str) -> BindParameter[str]:
    """Name a TEXT parameter."""
    return bindparam(name, type_=Text)


def blob(name: str) -> BindParameter[bytes]:
    """Name a BLOB parameter."""
    return bindparam(name, type_=LargeBinary)


def constant(value: str) -> ColumnElement[str]:
    """Write a word of ours into the text of the statement."""
    if not value.isidentifier():
        raise ValueError(value)
    return literal_column(f"'{value}'", Text)


ONE: ColumnElement[int] = literal_column("1", BigInteger)
ZERO: ColumnElement[int] = literal_column("0", BigInteger)
ACTIVE = constant("active")
PENDING = constant("pending")
ENDED = constant("ended")


def flag(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """Read a condition as 1 or 0 (no engine-specific boolean; NULL counts as false)."""
    return case((condition, ONE), else_=ZERO)


def at(table: Table, *names: str) -> ColumnElement[bool]:
    """Pick rows whose columns equal the parameters of the same names."""
    first, *rest = (table.c[name] == bindparam(name, type_=table.c[name].type) for name in names)
    for condition in rest:
        first &= condition
    return first


def insert_once(table: Table) -> Insert:
    """Insert a row unless any unique key of it is taken; the number of changed rows tells."""
    values = {column.name: bindparam(column.name, type_=column.type) for column in table.c}
    return insert(table).values(values).on_conflict_do_nothing()


def insert_once_where(table: Table, condition: ColumnElement[bool]) -> Insert:
    """Insert a row under a condition, unless any unique key of it is taken."""
    values = [bindparam(column.name, type_=column.type) for column in table.c]
    return insert(table).from_select(list(table.c.keys()), select(*values).where(condition)).on_conflict_do_nothing()


def columns(table: Table) -> str:
    """Name all columns of a table, as parameters of :func:`insert_once` in their order."""
    return " ".join(column.name for column in table.c)


def replace(table: Table, *keys: str, names: str) -> Update:
    """Compare-and-set: write ``names`` and the version ``version`` where the version is its predecessor."""
    values = {name: bindparam(name, type_=table.c[name].type) for name in ("version", *names.split())}
    return update(table).where(at(table, *keys) & (table.c.version == number("version") - ONE)).values(values)


def remove(table: Table, *keys: str) -> Delete:
    """Delete the rows with the given key."""
    return delete(table).where(at(table, *keys))


def expiry(table: Table, *keys: str, by: str) -> tuple[Definition, Definition]:
    """Find the keys of expired rows by their index, and delete one of them if it is still expired."""
    column = table.c[by]
    return (
        define(
            f"expired_{table.name}",
            "now limit",
            select(*(table.c[key] for key in keys))
            .where(column <= number("now"))
            .order_by(column)
            .limit(number("limit"))
            .offset(ZERO),
        ),
        define(
            f"delete_expired_{table.name}",
            " ".join((*keys, "now")),
            remove(table, *keys).where(column <= number("now")),
        ),
    )


def client_active(issuer: ColumnElement[str], client_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Require a stored, active client; a client without a row is not active."""
    client = schema.client
    return (
        select(ONE)
        .select_from(client)
        .where(client.c.issuer == issuer, client.c.client_id == client_id, client.c.status == ACTIVE)
        .exists()
    )


def user_active(issuer: ColumnElement[str], user_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Require a stored, active user, or none at all behind the record."""
    user = schema.user_account
    return user_id.is_(None) | (
        select(ONE)
        .select_from(user)
        .where(user.c.issuer == issuer, user.c.user_id == user_id, user.c.status == ACTIVE)
        .exists()
    )
