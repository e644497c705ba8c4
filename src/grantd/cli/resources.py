"""``grantd resource``."""

from pathlib import Path
from typing import Any

from grantd.cli.clients import print_record, print_with_secret
from grantd.cli.opening import actor, administer, confirm
from grantd.cli.terminal import WRONG_USE, fail, show, show_json, show_table
from grantd.server.administration import ResourceServerAdministration
from grantd.server.administration.change import shown
from grantd.server.issuer import Issuer
from grantd.storage.records import ResourceServer


def add_resource_server(
    config: Path | None,
    issuer: str,
    members: dict[str, Any],
    scopes: list[str],
    *,
    credentials: bool,
    json: bool,
) -> None:
    """Register a resource server."""
    words: dict[str, str] = {}
    for entry in scopes:
        scope, equals, text = entry.partition("=")
        if not equals or not scope:
            fail(f"--scope {entry!r}: write it as SCOPE=WORDS, such as 'notes.read=read your notes'", code=WRONG_USE)
        words[scope] = text

    async def work(issuer: Issuer) -> tuple[dict[str, Any], str]:
        server = ResourceServer(issuer=issuer.identifier, scopes=words, **members)
        record, secret = await ResourceServerAdministration(issuer, actor()).add(server, credentials=credentials)
        return shown(record), secret

    record, secret = administer(config, issuer, work)
    print_with_secret(record, "resource_server_id", "secret", secret, json=json)


def list_resource_servers(config: Path | None, issuer: str, *, json: bool) -> None:
    """List the resource servers."""

    async def work(issuer: Issuer) -> list[dict[str, Any]]:
        return [shown(server) for server in await ResourceServerAdministration(issuer, actor()).all()]

    records = administer(config, issuer, work)
    if json:
        show_json(records)
        return
    show_table(
        ("ID", "NAME", "IDENTIFIERS", "SCOPES", "TOKENS", "DEFAULT"),
        [
            (
                record["resource_server_id"],
                record["name"],
                " ".join(record["identifiers"]),
                " ".join(record["scopes"]),
                record["token_format"],
                "yes" if record["default"] else "no",
            )
            for record in records
        ],
    )


def show_resource_server(config: Path | None, issuer: str, resource_server_id: str, *, json: bool) -> None:
    """Show a resource server."""

    async def work(issuer: Issuer) -> dict[str, Any]:
        return shown(await ResourceServerAdministration(issuer, actor()).get(resource_server_id))

    print_record(administer(config, issuer, work), json=json)


def rotate_secret(config: Path | None, issuer: str, resource_server_id: str, *, overlap: int, json: bool) -> None:
    """Give a resource server a new secret."""

    async def work(issuer: Issuer) -> str:
        administration = ResourceServerAdministration(issuer, actor())
        return await administration.rotate_secret(resource_server_id, overlap=overlap)

    secret = administer(config, issuer, work)
    record = {"resource_server_id": resource_server_id}
    print_with_secret(record, "resource_server_id", "secret", secret, json=json)


def delete_resource_server(config: Path | None, issuer: str, resource_server_id: str, *, yes: bool) -> None:
    """Delete a resource server."""
    confirm(f"Delete {resource_server_id}? Nobody will get tokens for it any more.", yes=yes)

    async def work(issuer: Issuer) -> None:
        await ResourceServerAdministration(issuer, actor()).delete(resource_server_id)

    administer(config, issuer, work)
    show(f"{resource_server_id} is deleted")
