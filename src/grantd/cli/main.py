"""The command ``grantd``."""

import typer

from grantd.cli.commands import administration, clients, issuers, keys, operation, resources, users
from grantd.cli.terminal import show

_EPILOG = "Exit codes: 0 done, 1 failed or errors were found, 2 wrong command line or settings."

app = typer.Typer(
    name="grantd",
    help="The OAuth 2.1 authorization server for people, apps and agents.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(value: bool) -> None:  # noqa: FBT001 - typer passes the option's value
    if value:
        from grantd import __version__

        show(f"grantd {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    del version


app.command("dev")(operation.dev)
app.command("serve")(operation.serve)
app.command("check")(operation.check)
app.command("doctor")(operation.doctor)
app.command("migrate")(operation.migrate)
app.command("seed")(administration.seed)
app.add_typer(keys.app, name="keys")
app.add_typer(clients.app, name="client")
app.add_typer(resources.app, name="resource")
app.add_typer(users.app, name="user")
app.add_typer(issuers.app, name="issuer")


def main() -> None:
    """Run the command line."""
    app()
