"""``grantd keys``."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grantd.cli.opening import actor, confirm, explained, opened
from grantd.cli.opening import choose as choose_issuer
from grantd.cli.terminal import fail, show, show_json, show_table, tell
from grantd.server.administration import NotFoundError
from grantd.server.deployment import Deployment
from grantd.server.keys.changes import key_events
from grantd.server.keys.keyring import is_published, signing_record
from grantd.server.keys.sealing import create_sealing_key_file
from grantd.storage.records import SigningKeyRecord


def list_keys(config: Path | None, issuer: str, *, json: bool) -> None:
    """Show an issuer's keys."""

    async def work(deployment: Deployment, identifier: str) -> None:
        records = await deployment.neighbours.store.list_keys(identifier)
        _print(records, deployment.neighbours.clock.now(), json=json)

    _run(config, issuer, work)


def rotate_keys(config: Path | None, issuer: str, alg: str, *, json: bool) -> None:
    """Publish successors."""

    async def work(deployment: Deployment, identifier: str) -> None:
        store, now = deployment.neighbours.store, deployment.neighbours.clock.now()
        before = await store.list_keys(identifier)
        try:
            after = await deployment.key_lifecycles[identifier].rotate(alg or None)
        except LookupError as error:
            raise NotFoundError(f"{identifier}: {error.args[0]}") from error
        _record(deployment, identifier, before, after, now)
        _print(after, now, json=json)

    _run(config, issuer, work)


def revoke_key(config: Path | None, issuer: str, kid: str, *, reason: str, yes: bool, json: bool) -> None:
    """Withdraw a key."""
    confirm(f"Every token that {kid} signed will be refused. Revoke it?", yes=yes)

    async def work(deployment: Deployment, identifier: str) -> None:
        store, now = deployment.neighbours.store, deployment.neighbours.clock.now()
        before = await store.list_keys(identifier)
        try:
            after = await deployment.key_lifecycles[identifier].revoke(kid)
        except LookupError as error:
            raise NotFoundError(f"{identifier} has no key {kid!r}") from error
        _record(deployment, identifier, before, after, now, reason=reason)
        _print(after, now, json=json)
        tell("Running servers follow within two seconds; APIs when they read the key set again.")

    _run(config, issuer, work)


def create_sealing_key(file: Path) -> None:
    """Write a new sealing key."""
    try:
        create_sealing_key_file(file)
    except FileExistsError:
        fail(f"{file} exists; a sealing key is never overwritten, what it sealed would be lost")
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror or error}")
    show(f"{file} holds a new sealing key (mode 0600); name it in secrets.sealing_key_file and keep a copy safe")


def _run(config: Path | None, issuer: str, work: Callable[[Deployment, str], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(config) as deployment:
            await work(deployment, choose_issuer([one.identifier for one in deployment.issuers], issuer))

    with explained():
        asyncio.run(run())


def _record(
    deployment: Deployment,
    identifier: str,
    before: Sequence[SigningKeyRecord],
    after: Sequence[SigningKeyRecord],
    now: int,
    *,
    reason: str = "",
) -> None:
    for event in key_events(identifier, before, after, now=now, actor=actor(), reason=reason):
        deployment.neighbours.audit.record(event)


def state_of(record: SigningKeyRecord, signing: bool, now: int) -> str:  # noqa: FBT001 - reads well at its one place
    """Return the state of a key in one word."""
    if record.revoked_at is not None:
        return "revoked"
    if signing:
        return "signing"
    if record.activate_at > now:
        return "waiting"
    return "retired" if is_published(record, now) else "expired"


def _print(records: Sequence[SigningKeyRecord], now: int, *, json: bool) -> None:
    signers = {record.kid for alg in {r.alg for r in records} if (record := signing_record(records, alg, now))}
    rows: list[dict[str, Any]] = [
        {
            "kid": record.kid,
            "alg": record.alg,
            "state": state_of(record, record.kid in signers, now),
            "created_at": record.created_at,
            "activate_at": record.activate_at,
            "retire_at": record.retire_at,
            "expires_at": record.expires_at,
            "revoked_at": record.revoked_at,
        }
        for record in records
    ]
    if json:
        show_json(rows)
        return
    show_table(
        ("KID", "ALG", "STATE", "SIGNS FROM", "SIGNS UNTIL", "PUBLISHED UNTIL"),
        [(row["kid"], row["alg"], row["state"], *(moment(row[name]) for name in _MOMENTS)) for row in rows],
    )


_MOMENTS = ("activate_at", "retire_at", "expires_at")


def moment(at: Any) -> str:
    """Return a time for people, in UTC."""
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
