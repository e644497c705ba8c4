"""``grantd user``."""

import sys
from pathlib import Path
from typing import Any, Literal

import typer

from grantd.cli.clients import print_record
from grantd.cli.opening import actor, administer, confirm
from grantd.cli.terminal import WRONG_USE, fail, show, show_json, show_table
from grantd.server.accounts.passwords import MAX_PASSWORD_LENGTH
from grantd.server.administration import UserAdministration
from grantd.server.administration.change import shown
from grantd.server.issuer import Issuer
from grantd.storage.records import User


def add_user(
    config: Path | None,
    issuer: str,
    username: str,
    *,
    name: str,
    email: str,
    no_password: bool,
    password_stdin: bool,
    json: bool,
) -> None:
    """Add a user."""
    if no_password and password_stdin:
        fail("--no-password and --password-stdin exclude each other", code=WRONG_USE)
    password = "" if no_password else read_password(stdin=password_stdin)

    async def work(issuer: Issuer) -> dict[str, Any]:
        users = UserAdministration(issuer, actor())
        hashed = await users.hash_password(password) if password else ""
        user = User(
            issuer=issuer.identifier, user_id="", username=username, name=name, email=email, password_hash=hashed
        )
        return shown(await users.add(user))

    record = administer(config, issuer, work)
    if json:
        show_json(record)
    else:
        show(f"{record['username']} is added; sub is {record['user_id']}")


def list_users(config: Path | None, issuer: str, *, json: bool) -> None:
    """List the users."""

    async def work(issuer: Issuer) -> list[dict[str, Any]]:
        return [shown(user) for user in await UserAdministration(issuer, actor()).all()]

    records = sorted(administer(config, issuer, work), key=lambda record: record["username"])
    if json:
        show_json(records)
        return
    show_table(
        ("USERNAME", "NAME", "EMAIL", "SUB", "STATUS"),
        [(r["username"], r["name"], r["email"], r["user_id"], r["status"]) for r in records],
    )


def show_user(config: Path | None, issuer: str, username: str, *, json: bool) -> None:
    """Show a user."""

    async def work(issuer: Issuer) -> dict[str, Any]:
        return shown(await UserAdministration(issuer, actor()).get(username))

    print_record(administer(config, issuer, work), json=json)


def set_password(config: Path | None, issuer: str, username: str, *, password_stdin: bool) -> None:
    """Set a user's password."""
    password = read_password(stdin=password_stdin)

    async def work(issuer: Issuer) -> None:
        await UserAdministration(issuer, actor()).set_password(username, password)

    administer(config, issuer, work)
    show(f"{username} has a new password; sessions ended")


def set_status(config: Path | None, issuer: str, username: str, status: Literal["active", "disabled"]) -> None:
    """Disable or enable a user."""

    async def work(issuer: Issuer) -> bool:
        return await UserAdministration(issuer, actor()).set_status(username, status)

    changed = administer(config, issuer, work)
    show(f"{username} is {status}" + ("" if changed else " already"))


def delete_user(config: Path | None, issuer: str, username: str, *, yes: bool) -> None:
    """Delete a user."""
    confirm(f"Delete user {username} and end everything that was granted?", yes=yes)

    async def work(issuer: Issuer) -> int:
        return await UserAdministration(issuer, actor()).delete(username)

    ended = administer(config, issuer, work)
    show(f"{username} is deleted; {ended} grants ended")


def read_password(*, stdin: bool) -> str:
    """Return a password from standard input (its first line), or from a prompt that asks twice."""
    if not stdin:
        if not sys.stdin.isatty():
            fail("there is no terminal to ask at; give the password with --password-stdin", code=WRONG_USE)
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    password = sys.stdin.readline(4 * MAX_PASSWORD_LENGTH).rstrip("\r\n")
    if not password:
        fail("standard input holds no password on its first line", code=WRONG_USE)
    return password
