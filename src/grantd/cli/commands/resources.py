"""``grantd resource``."""

from typing import Annotated

import typer

from grantd.cli import options

app = typer.Typer(help="Protected APIs (resource servers) of an issuer.", no_args_is_help=True)

_ResourceServerId = Annotated[str, typer.Argument(metavar="ID", help="The resource server's identifier.")]


@app.command()
def add(
    *,
    resource_server_id: _ResourceServerId,
    identifier: Annotated[
        list[str],
        typer.Option(metavar="URI", help="Value of resource and aud; may be repeated.", show_default=False),
    ],
    config: options.Config = None,
    issuer: options.Issuer = "",
    name: Annotated[str, typer.Option(metavar="TEXT", help="What people see.", show_default=False)] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE=WORDS",
            help="A scope and the words that complete 'wants to ...'; may be repeated.",
            show_default=False,
        ),
    ] = None,
    sensitive_scope: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE", help="Given to verified clients only; may be repeated.", show_default=False),
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="Audience of requests that name none.")] = False,
    opaque: Annotated[bool, typer.Option("--opaque", help="Access tokens that only introspection reads.")] = False,
    access_token_lifetime: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="Instead of the issuer's.", show_default=False)
    ] = None,
    credentials: Annotated[
        bool, typer.Option("--credentials/--no-credentials", help="Make a secret for introspection.")
    ] = True,
    json: options.Json = False,
) -> None:
    """Register a protected API; its secret is shown once."""
    from grantd.cli.resources import add_resource_server

    add_resource_server(
        config,
        issuer,
        {
            "resource_server_id": resource_server_id,
            "name": name or resource_server_id,
            "identifiers": tuple(identifier),
            "sensitive_scopes": tuple(sensitive_scope or ()),
            "default": default,
            "token_format": "opaque" if opaque else "jwt",
            "access_token_lifetime": access_token_lifetime,
        },
        scope or [],
        credentials=credentials,
        json=json,
    )


@app.command("list")
def list_(*, config: options.Config = None, issuer: options.Issuer = "", json: options.Json = False) -> None:
    """List the protected APIs."""
    from grantd.cli.resources import list_resource_servers

    list_resource_servers(config, issuer, json=json)


@app.command("show")
def show_(
    *,
    resource_server_id: _ResourceServerId,
    config: options.Config = None,
    issuer: options.Issuer = "",
    json: options.Json = False,
) -> None:
    """Show a protected API."""
    from grantd.cli.resources import show_resource_server

    show_resource_server(config, issuer, resource_server_id, json=json)


@app.command("rotate-secret")
def rotate_secret(
    *,
    resource_server_id: _ResourceServerId,
    config: options.Config = None,
    issuer: options.Issuer = "",
    overlap: Annotated[
        int, typer.Option(min=0, max=31_536_000, metavar="SECONDS", help="How long old secrets still work.")
    ] = 0,
    json: options.Json = False,
) -> None:
    """Give a protected API a new secret, shown once."""
    from grantd.cli.resources import rotate_secret as run

    run(config, issuer, resource_server_id, overlap=overlap, json=json)


@app.command()
def delete(
    *,
    resource_server_id: _ResourceServerId,
    config: options.Config = None,
    issuer: options.Issuer = "",
    yes: options.Yes = False,
) -> None:
    """Delete a protected API: nobody gets tokens for it any more."""
    from grantd.cli.resources import delete_resource_server

    delete_resource_server(config, issuer, resource_server_id, yes=yes)
