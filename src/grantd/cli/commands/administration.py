"""Commands that change many records at once."""

from pathlib import Path
from typing import Annotated

import typer

from grantd.cli import options


def seed(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Clients, resource servers and users, as TOML.")],
    config: options.Config = None,
    issuer: options.Issuer = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and write nothing.")] = False,
    json: options.Json = False,
) -> None:
    """Create and update what a file describes; running it twice changes nothing."""
    from grantd.cli.seeding import seed as run

    run(config, issuer, file, dry_run=dry_run, json=json)
