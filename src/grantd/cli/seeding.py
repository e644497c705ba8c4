"""``grantd seed``."""

import asyncio
from dataclasses import asdict
from pathlib import Path

from grantd.cli.opening import actor, choose, explained, opened
from grantd.cli.terminal import show, show_json, tell
from grantd.server.administration.seed import Outcome, apply, prepare, read_seed
from grantd.server.deployment import Deployment


async def seed_deployment(
    deployment: Deployment, file: Path, *, issuer: str = "", dry_run: bool = False
) -> list[Outcome]:
    """Carry a seed file out.

    Args:
        deployment: an open deployment.
        file: the seed file.
        issuer: issuer of entries that name none; needed only where there are several.
        dry_run: judge everything and write nothing.

    Raises:
        SettingsError: with everything that is wrong with the file; nothing was written.
        AdministrationError: somebody changed the same record at the same moment.
    """
    issuers = {one.identifier: one for one in deployment.issuers}
    default = choose(list(issuers), issuer) if issuer or len(issuers) == 1 else ""
    outcomes: list[Outcome] = []
    plan = await prepare(read_seed(file), source=str(file), issuers=issuers, default=default, actor=actor())
    if not dry_run:
        await apply(plan, tell=outcomes.append)
    return outcomes


def seed(config: Path | None, issuer: str, file: Path, *, dry_run: bool, json: bool) -> None:
    """Create and update what a file describes."""

    async def run() -> list[Outcome]:
        async with opened(config) as deployment:
            return await seed_deployment(deployment, file, issuer=issuer, dry_run=dry_run)

    with explained():
        outcomes = asyncio.run(run())
    if json:
        show_json([{name: value for name, value in asdict(one).items() if value != ""} for one in outcomes])
        return
    if dry_run:
        show(f"{file} is right; nothing was written")
        return
    for outcome in outcomes:
        if outcome.action != "unchanged" or outcome.secret:
            show(f"{outcome.kind} {outcome.name} {outcome.action}")
        if outcome.secret:
            show(f"{outcome.kind} {outcome.name} secret: {outcome.secret}")
    if any(outcome.secret for outcome in outcomes):
        tell("Secrets are shown this once; only their hashes are kept.")
    counts = {action: sum(one.action == action for one in outcomes) for action in ("created", "updated", "unchanged")}
    show(", ".join(f"{count} {action}" for action, count in counts.items()))
