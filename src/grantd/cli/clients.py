"""``grantd client``."""

from pathlib import Path
from typing import Any, Literal

from grantd.cli.opening import actor, administer, confirm
from grantd.cli.terminal import show, show_json, show_table, tell
from grantd.server.administration import ClientAdministration
from grantd.server.administration.change import shown
from grantd.server.issuer import Issuer
from grantd.storage.records import ClientMetadata


def add_client(config: Path | None, issuer: str, client_id: str, members: dict[str, Any], *, json: bool) -> None:
    """Register a client."""

    async def work(issuer: Issuer) -> tuple[dict[str, Any], str]:
        offered = members
        if "authorization_code" not in members["grant_types"]:
            offered = {**members, "response_types": ()}
        clients = ClientAdministration(issuer, actor())
        client, secret = await clients.add(ClientMetadata(**offered), client_id=client_id)
        return shown(client), secret

    record, secret = administer(config, issuer, work)
    print_with_secret(record, "client_id", "client_secret", secret, json=json)


def list_clients(config: Path | None, issuer: str, *, json: bool) -> None:
    """List the clients."""

    async def work(issuer: Issuer) -> list[dict[str, Any]]:
        return [shown(client) for client in await ClientAdministration(issuer, actor()).all()]

    records = administer(config, issuer, work)
    if json:
        show_json(records)
        return
    show_table(
        ("CLIENT_ID", "NAME", "AUTHENTICATION", "GRANT TYPES", "STATUS"),
        [
            (
                record["client_id"],
                record["metadata"].get("client_name", ""),
                record["metadata"].get("token_endpoint_auth_method", "client_secret_basic"),
                " ".join(record["metadata"].get("grant_types", ("authorization_code",))),
                record["status"],
            )
            for record in records
        ],
    )


def show_client(config: Path | None, issuer: str, client_id: str, *, json: bool) -> None:
    """Show a client."""

    async def work(issuer: Issuer) -> dict[str, Any]:
        return shown(await ClientAdministration(issuer, actor()).get(client_id))

    print_record(administer(config, issuer, work), json=json)


def rotate_secret(config: Path | None, issuer: str, client_id: str, *, overlap: int, json: bool) -> None:
    """Give a client a new secret."""

    async def work(issuer: Issuer) -> str:
        return await ClientAdministration(issuer, actor()).rotate_secret(client_id, overlap=overlap)

    secret = administer(config, issuer, work)
    print_with_secret({"client_id": client_id}, "client_id", "client_secret", secret, json=json)


def set_status(config: Path | None, issuer: str, client_id: str, status: Literal["active", "disabled"]) -> None:
    """Disable or enable a client."""

    async def work(issuer: Issuer) -> bool:
        return await ClientAdministration(issuer, actor()).set_status(client_id, status)

    changed = administer(config, issuer, work)
    show(f"{client_id} is {status}" + ("" if changed else " already"))


def delete_client(config: Path | None, issuer: str, client_id: str, *, yes: bool) -> None:
    """Delete a client."""
    confirm(f"Delete client {client_id} and end everything that it was granted?", yes=yes)

    async def work(issuer: Issuer) -> int:
        return await ClientAdministration(issuer, actor()).delete(client_id)

    ended = administer(config, issuer, work)
    show(f"{client_id} is deleted; {ended} grants ended")


def print_with_secret(record: dict[str, Any], name: str, secret_name: str, secret: str, *, json: bool) -> None:
    """Print a record with the secret that nobody will see again."""
    if json:
        show_json({**record, secret_name: secret} if secret else record)
        return
    show(f"{name}: {record[name]}")
    if secret:
        show(f"{secret_name}: {secret}")
        tell("The secret is shown this once; only its hash is kept.")


def print_record(record: dict[str, Any], *, json: bool) -> None:
    """Print a record, one member a line, nested ones with dots."""
    if json:
        show_json(record)
        return
    show_table(("MEMBER", "VALUE"), _flat("", record))


def _flat(prefix: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        rows: list[tuple[str, str]] = []
        for name, item in value.items():
            rows += _flat(f"{prefix}.{name}" if prefix else str(name), item)
        return rows
    if isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value):
        return [row for index, item in enumerate(value) for row in _flat(f"{prefix}[{index}]", item)]
    if isinstance(value, list | tuple):
        return [(prefix, " ".join(str(item) for item in value))]
    return [(prefix, "" if value is None else str(value))]
