"""``grantd issuer``."""

from typing import Annotated

import typer

from grantd.cli import options

app = typer.Typer(help="Issuers of the settings.", no_args_is_help=True)


@app.command("list")
def list_(*, config: options.Config = None, json: options.Json = False) -> None:
    """List the issuers."""
    from grantd.cli.issuers import list_issuers

    list_issuers(config, json=json)


@app.command("show")
def show_(
    *,
    issuer: Annotated[str, typer.Argument(metavar="URL", help="The issuer; may be left out where there is one.")] = "",
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Show an issuer's settings and features."""
    from grantd.cli.issuers import show_issuer

    show_issuer(config, issuer, json=json)


@app.command()
def add(
    *,
    issuer: Annotated[str, typer.Argument(metavar="URL", help="The new issuer's identifier.")],
    config: options.Config = None,
    name: Annotated[str, typer.Option(metavar="TEXT", help="What people see.", show_default=False)] = "",
) -> None:
    """Append an issuer to the settings file, after checking that it fits; a restart takes it over."""
    from grantd.cli.issuers import add_issuer

    add_issuer(config, issuer, name=name)
