"""``grantd user``. Passwords come from a prompt or from standard input, never from the command line."""

from typing import Annotated

import typer

from grantd.cli import options

app = typer.Typer(help="Users of an issuer.", no_args_is_help=True)

_Username = Annotated[str, typer.Argument(metavar="USERNAME", help="The user name.")]
_Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@app.command()
def add(
    *,
    username: _Username,
    config: options.Config = None,
    issuer: options.Issuer = "",
    name: Annotated[str, typer.Option(metavar="TEXT", help="The person's name.", show_default=False)] = "",
    email: Annotated[str, typer.Option(metavar="ADDRESS", help="E-mail address.", show_default=False)] = "",
    no_password: Annotated[bool, typer.Option("--no-password", help="Add the user without a password.")] = False,
    password_stdin: _Stdin = False,
    json: options.Json = False,
) -> None:
    """Add a user."""
    from grantd.cli.users import add_user

    add_user(
        config,
        issuer,
        username,
        name=name,
        email=email,
        no_password=no_password,
        password_stdin=password_stdin,
        json=json,
    )


@app.command("list")
def list_(*, config: options.Config = None, issuer: options.Issuer = "", json: options.Json = False) -> None:
    """List the users."""
    from grantd.cli.users import list_users

    list_users(config, issuer, json=json)


@app.command("show")
def show_(
    *, username: _Username, config: options.Config = None, issuer: options.Issuer = "", json: options.Json = False
) -> None:
    """Show a user."""
    from grantd.cli.users import show_user

    show_user(config, issuer, username, json=json)


@app.command("set-password")
def set_password(
    *,
    username: _Username,
    config: options.Config = None,
    issuer: options.Issuer = "",
    password_stdin: _Stdin = False,
) -> None:
    """Set a user's password and end the user's sessions."""
    from grantd.cli.users import set_password as run

    run(config, issuer, username, password_stdin=password_stdin)


@app.command()
def disable(*, username: _Username, config: options.Config = None, issuer: options.Issuer = "") -> None:
    """Shut a user out; end the user's sessions and everything that was granted."""
    from grantd.cli.users import set_status

    set_status(config, issuer, username, "disabled")


@app.command()
def enable(*, username: _Username, config: options.Config = None, issuer: options.Issuer = "") -> None:
    """Let a disabled user in again."""
    from grantd.cli.users import set_status

    set_status(config, issuer, username, "active")


@app.command()
def delete(
    *, username: _Username, config: options.Config = None, issuer: options.Issuer = "", yes: options.Yes = False
) -> None:
    """Delete a user; end the user's sessions and everything that was granted."""
    from grantd.cli.users import delete_user

    delete_user(config, issuer, username, yes=yes)
