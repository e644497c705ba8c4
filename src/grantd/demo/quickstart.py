"""``grantd dev``."""

import asyncio
from pathlib import Path

from grantd.cli.opening import actor, explained
from grantd.cli.running import run as run_server
from grantd.cli.terminal import fail, show
from grantd.demo.api import protected_api
from grantd.demo.content import content
from grantd.demo.folder import (
    PASSWORD,
    SERVICE_CLIENT,
    USERNAME,
    Demo,
    DemoFolderError,
    default_folder,
    open_folder,
)
from grantd.demo.page import ClientPage
from grantd.server.administration.seed import apply, prepare
from grantd.server.deployment import open_deployment
from grantd.server.http.serve import SideListener
from grantd.server.settings import Settings
from grantd.server.settings.load import load_settings
from grantd.storage.migrations import upgrade


def run(*, host: str, port: int, data: Path | None) -> None:
    """Prepare the data folder, then serve the authorization server, the API and the client page.

    Args:
        host: address to listen on.
        port: of the server; the API takes the next one, the client page the third after it.
        data: the folder, or ``None`` for the default one.
    """
    try:
        demo = open_folder(data or default_folder(), host=host, port=port)
    except DemoFolderError as error:
        fail(str(error))
    with explained():
        # Not the environment: what it sets is for real deployments.
        settings = load_settings(demo.settings_file, {})
        upgrade(settings.store.url)
        asyncio.run(_prepare(settings, demo))
    run_server(
        settings,
        sides=(
            SideListener(application=protected_api(demo), host=host, port=port + 1),
            SideListener(application=ClientPage(demo).application(), host=host, port=port + 3),
        ),
        on_listening=lambda _host, _port: show(greeting(demo)),
    )


async def _prepare(settings: Settings, demo: Demo) -> None:
    deployment = await open_deployment(settings)
    try:
        for lifecycle in deployment.key_lifecycles.values():
            await lifecycle.ensure_all()
        plan = await prepare(
            content(demo),
            source="the demo's content",
            issuers={demo.issuer: deployment.issuer(demo.issuer)},
            default=demo.issuer,
            actor=actor(),
        )
        await apply(plan, tell=lambda _: None)
    finally:
        await deployment.close()


def greeting(demo: Demo) -> str:
    """Return what the quickstart prints once it answers."""
    token = (
        f"curl -s -u {SERVICE_CLIENT}:{demo.service_secret} -d grant_type=client_credentials "
        f"-d scope=notes.read {demo.issuer}/token"
    )
    pick = "python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])'"
    return f"""
grantd is running. Open the demo client and sign in:

  Demo client     {demo.page}
  Demo account    {USERNAME} / {PASSWORD}

  Issuer          {demo.issuer}
  Metadata        {demo.issuer}/.well-known/oauth-authorization-server
  Demo API        {demo.resource}
  MCP server      {demo.mcp_resource}  (registered; examples/mcp starts one)
  Data            {demo.folder}
  Credentials     {demo.folder / "demo.toml"}

A token for a service:

  {token}

and the demo API with it:

  curl -s -H "Authorization: Bearer $({token} | {pick})" {demo.resource}notes

Other commands work on it too: grantd client list --config {demo.settings_file}
Stop with Ctrl-C.
"""
