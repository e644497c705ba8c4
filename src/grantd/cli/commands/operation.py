"""Commands that run a server and look after it."""

from pathlib import Path
from typing import Annotated

import typer

from grantd.cli import options


def serve(
    *,
    config: options.Config = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Listen here instead of server.host.", show_default=False)
    ] = "",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="Listen here instead of server.port; 0 takes a free one."),
    ] = None,
) -> None:
    """Run the authorization server."""
    from grantd.cli.running import serve_configured

    serve_configured(config, host=host, port=port)


def dev(
    *,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65_532, help="Port of the server; the demo takes the next three.")
    ] = 9400,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of everything that it keeps; grantd-dev in the user's state folder "
            "(~/.local/state, or $XDG_STATE_HOME) when left out.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run the quickstart: a server with a demo user, a demo client and a demo API."""
    from grantd.demo.quickstart import run

    run(host=host, port=port, data=data)


def check(*, config: options.Config = None, json: options.Json = False) -> None:
    """Check settings, features, sealing key and database, and change nothing."""
    from grantd.cli.doctor.command import check as run

    run(config, json=json)


def doctor(*, config: options.Config = None, json: options.Json = False) -> None:
    """Say in plain words what is wrong with an installation, and what to do."""
    from grantd.cli.doctor.command import doctor as run

    run(config, json=json)


def migrate(
    *,
    config: options.Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Bring the database to the schema of this version."""
    from grantd.cli.migrating import migrate as run

    run(config, dry_run=dry_run)
