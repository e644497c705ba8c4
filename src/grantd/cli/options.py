"""Options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="GRANTD_CONFIG",
        metavar="FILE",
        help="Settings, as TOML. Without it the environment alone counts.",
        show_default=False,
    ),
]
Issuer = Annotated[
    str,
    typer.Option(
        "--issuer",
        metavar="URL",
        help="The issuer; may be left out where the settings have only one.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
