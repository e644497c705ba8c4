"""``grantd client``."""

from typing import Annotated

import typer

from grantd.cli import options

app = typer.Typer(help="Clients of an issuer.", no_args_is_help=True)

_ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The client's identifier.")]


@app.command()
def add(
    *,
    config: options.Config = None,
    issuer: options.Issuer = "",
    client_id: Annotated[
        str, typer.Option("--id", metavar="TEXT", help="Its identifier; random when left out.", show_default=False)
    ] = "",
    name: Annotated[str, typer.Option(metavar="TEXT", help="What people see.", show_default=False)] = "",
    redirect_uri: Annotated[
        list[str] | None, typer.Option(metavar="URI", help="Where answers go; may be repeated.", show_default=False)
    ] = None,
    grant_type: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="May be repeated; authorization_code and refresh_token when left out.",
            show_default=False,
        ),
    ] = None,
    auth_method: Annotated[
        str, typer.Option(metavar="NAME", help="How it authenticates; none makes a public client.")
    ] = "client_secret_basic",
    native: Annotated[bool, typer.Option("--native", help="An app on people's machines (loopback redirects).")] = False,
    scope: Annotated[
        str, typer.Option(metavar="SCOPES", help="Scopes that it may ask for; all when left out.", show_default=False)
    ] = "",
    default_scope: Annotated[
        str, typer.Option(metavar="SCOPES", help="Scopes of requests that name none.", show_default=False)
    ] = "",
    default_resource: Annotated[
        str, typer.Option(metavar="URI", help="Audience of requests that name none.", show_default=False)
    ] = "",
    allowed_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Origin of its browser code; may be repeated.", show_default=False),
    ] = None,
    first_party: Annotated[bool, typer.Option("--first-party", help="Run by you: consent is remembered.")] = False,
    skip_consent: Annotated[bool, typer.Option("--skip-consent", help="First party and never asks.")] = False,
    json: options.Json = False,
) -> None:
    """Register a client; its secret is shown once."""
    from grantd.cli.clients import add_client

    add_client(
        config,
        issuer,
        client_id,
        {
            "client_name": name,
            "redirect_uris": tuple(redirect_uri or ()),
            "grant_types": tuple(grant_type or ("authorization_code", "refresh_token")),
            "token_endpoint_auth_method": auth_method,
            "application_type": "native" if native else "web",
            "scope": scope,
            "default_scope": default_scope,
            "default_resource": default_resource,
            "allowed_origins": tuple(allowed_origin or ()),
            "first_party": first_party or skip_consent,
            "skip_consent": skip_consent,
        },
        json=json,
    )


@app.command("list")
def list_(*, config: options.Config = None, issuer: options.Issuer = "", json: options.Json = False) -> None:
    """List the clients."""
    from grantd.cli.clients import list_clients

    list_clients(config, issuer, json=json)


@app.command("show")
def show_(
    *, client_id: _ClientId, config: options.Config = None, issuer: options.Issuer = "", json: options.Json = False
) -> None:
    """Show a client."""
    from grantd.cli.clients import show_client

    show_client(config, issuer, client_id, json=json)


@app.command("rotate-secret")
def rotate_secret(
    *,
    client_id: _ClientId,
    config: options.Config = None,
    issuer: options.Issuer = "",
    overlap: Annotated[
        int, typer.Option(min=0, max=31_536_000, metavar="SECONDS", help="How long old secrets still work.")
    ] = 0,
    json: options.Json = False,
) -> None:
    """Give a client a new secret, shown once."""
    from grantd.cli.clients import rotate_secret as run

    run(config, issuer, client_id, overlap=overlap, json=json)


@app.command()
def disable(*, client_id: _ClientId, config: options.Config = None, issuer: options.Issuer = "") -> None:
    """Shut a client out and end everything that it was granted."""
    from grantd.cli.clients import set_status

    set_status(config, issuer, client_id, "disabled")


@app.command()
def enable(*, client_id: _ClientId, config: options.Config = None, issuer: options.Issuer = "") -> None:
    """Let a disabled client in again; it has to ask anew for what it was granted."""
    from grantd.cli.clients import set_status

    set_status(config, issuer, client_id, "active")


@app.command()
def delete(
    *, client_id: _ClientId, config: options.Config = None, issuer: options.Issuer = "", yes: options.Yes = False
) -> None:
    """Delete a client and end everything that it was granted."""
    from grantd.cli.clients import delete_client

    delete_client(config, issuer, client_id, yes=yes)
