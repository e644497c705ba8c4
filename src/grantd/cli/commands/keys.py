"""``grantd keys``."""

from pathlib import Path
from typing import Annotated

import typer

from grantd.cli import options

app = typer.Typer(help="Signing keys and the sealing key.", no_args_is_help=True)


@app.command("list")
def list_(*, config: options.Config = None, issuer: options.Issuer = "", json: options.Json = False) -> None:
    """List the signing keys of an issuer."""
    from grantd.cli.keys import list_keys

    list_keys(config, issuer, json=json)


@app.command()
def rotate(
    *,
    config: options.Config = None,
    issuer: options.Issuer = "",
    alg: Annotated[
        str, typer.Option(metavar="ALG", help="Only keys of this algorithm; all when left out.", show_default=False)
    ] = "",
    json: options.Json = False,
) -> None:
    """Publish successors now; they sign once every key set shows them."""
    from grantd.cli.keys import rotate_keys

    rotate_keys(config, issuer, alg, json=json)


@app.command()
def revoke(
    *,
    kid: Annotated[str, typer.Argument(metavar="KID", help="The key's identifier.")],
    config: options.Config = None,
    issuer: options.Issuer = "",
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the audit log.")] = "emergency",
    yes: options.Yes = False,
    json: options.Json = False,
) -> None:
    """Withdraw a key at once, in an emergency: its tokens die, running servers follow within two seconds."""
    from grantd.cli.keys import revoke_key

    revoke_key(config, issuer, kid, reason=reason, yes=yes, json=json)


@app.command("create-sealing-key")
def create_sealing_key(
    *, file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")]
) -> None:
    """Make the key that seals private keys, in a file of mode 0600."""
    from grantd.cli.keys import create_sealing_key as run

    run(file)
