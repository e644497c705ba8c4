"""What happens beside requests: noticing changes, rotating keys, cleaning up, the jobs of features.

Changes are noticed by polling the store's revisions, so that every node knows within two seconds; work that one node
should do happens under a lease with a fencing number.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from grantd.core.random import random_id
from grantd.server.extension.points import PeriodicJob
from grantd.server.keys.changes import key_events
from grantd.server.observe.logs import get_logger
from grantd.storage.records import Lease

if TYPE_CHECKING:
    from grantd.server.deployment import Deployment
    from grantd.server.issuer import Issuer

POLL_SECONDS = 1.0
KEY_SECONDS = 60
_LEASE_MARGIN = 30
_DAY = 86_400
_log = get_logger(__name__)


class Upkeep:
    """The background tasks of a deployment."""

    def __init__(self, deployment: "Deployment") -> None:
        self._deployment = deployment
        self._store = deployment.neighbours.store
        self._clock = deployment.neighbours.clock
        self._holder = random_id()
        self._revisions: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin; needs a running event loop."""
        self._revisions = await self._store.revisions()
        self._deployment.neighbours.audit.start()
        settings = self._deployment.settings
        self._every("poll", POLL_SECONDS, self.poll)
        self._every("keys", KEY_SECONDS, self.rotate_keys, at_once=True)
        self._every("clean-up", settings.store.clean_up_seconds, self.clean_up)
        for issuer in self._deployment.issuers:
            for job in issuer.registry.of(PeriodicJob):
                self._every(f"{job.name}:{issuer.identifier}", job.seconds, partial(self.run_job, issuer, job))

    async def stop(self) -> None:
        """End all tasks."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    async def run_job(self, issuer: "Issuer", job: PeriodicJob) -> bool:
        """Run a job of a feature now if its lease is free or ours; return whether it ran."""
        return await self._leased(f"{job.name}:{issuer.identifier}", job.seconds, partial(job.run, issuer))

    async def poll(self) -> None:
        """Take over what changed in the store since the last look."""
        revisions = await self._store.revisions()
        changed = {kind for kind, revision in revisions.items() if revision != self._revisions.get(kind)}
        if not changed:
            return
        for issuer in self._deployment.issuers:
            if "clients" in changed:
                issuer.forget_clients()
            if "resource_servers" in changed:
                issuer.load_resource_servers(await self._store.list_resource_servers(issuer.identifier))
            if "keys" in changed:
                issuer.keys.update(await self._store.list_keys(issuer.identifier))
        self._revisions = revisions

    async def rotate_keys(self) -> None:
        """Carry out what is due for the signing keys of every issuer."""

        async def run(_lease: Lease) -> None:
            for identifier, lifecycle in self._deployment.key_lifecycles.items():
                before = await self._store.list_keys(identifier)
                after = await lifecycle.ensure_all()
                for event in key_events(identifier, before, after, now=self._clock.now()):
                    self._deployment.neighbours.audit.record(event)

        await self._leased("keys", KEY_SECONDS, run)
        await self.poll()

    async def clean_up(self) -> None:
        """Delete expired rows in small batches, until a batch is not full."""

        async def run(_lease: Lease) -> None:
            settings = self._deployment.settings
            limit = settings.store.clean_up_rows
            before = self._clock.now() - settings.audit.retention_days * _DAY
            while True:
                counts = await self._store.delete_expired(now=self._clock.now(), limit=limit)
                counts["audit"] = await self._store.delete_audit(before=before, limit=limit)
                self._deployment.neighbours.metrics.cleaned(counts)
                if max(counts.values(), default=0) < limit:
                    return
                await asyncio.sleep(0)

        await self._leased("clean-up", self._deployment.settings.store.clean_up_seconds, run)

    async def _leased(self, name: str, seconds: int, run: Callable[[Lease], Awaitable[None]]) -> bool:
        lease = await self._store.acquire_lease(
            name, self._holder, now=self._clock.now(), seconds=seconds + _LEASE_MARGIN
        )
        if lease is None:
            return False
        await run(lease)
        return True

    def _every(self, name: str, seconds: float, run: Callable[[], Awaitable[object]], *, at_once: bool = False) -> None:
        async def loop() -> None:
            due = time.monotonic() + (0 if at_once else seconds)
            while True:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                due = time.monotonic() + seconds
                try:
                    await run()
                except Exception as error:  # noqa: BLE001  # whatever it was, the next round tries again
                    _log.error("background work failed", task=name, error=f"{type(error).__name__}: {error}")

        self._tasks.append(asyncio.create_task(loop(), name=f"grantd {name}"))
