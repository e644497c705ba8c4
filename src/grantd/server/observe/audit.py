"""The audit log: events are taken at once, written in the background, and chained by hashes.

One chain runs per issuer, node and epoch (a start of a process): a chain for a whole issuer would make one hot row.
Within a chain each event carries a sequence number without gaps and the hash of its predecessor, so that a changed, a
removed and an inserted event all show.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

import msgspec

from grantd.core.clock import Clock
from grantd.core.errors import TemporarilyUnavailableError
from grantd.core.random import random_id
from grantd.server.observe.audit_types import EVENT_TYPES
from grantd.server.observe.logs import get_logger
from grantd.server.observe.masking import mask_value
from grantd.storage.port import DuplicateError
from grantd.storage.records import AuditEvent

_BATCH = 500
_LONGEST = 256
_CLOSE_SECONDS = 10.0
_encoder = msgspec.json.Encoder(order="deterministic")
_log = get_logger(__name__)


class AuditStore(Protocol):
    """The part of the store that the log writes to."""

    async def append_audit(self, events: Sequence[AuditEvent]) -> None:
        """Append events in order; ``(issuer, node, epoch, sequence)`` is unique."""
        ...


def event_hash(event: AuditEvent) -> bytes:
    """Return the SHA-256 of an event: over its JSON with sorted members, ``hash`` empty, ``previous_hash`` included."""
    return sha256(_encoder.encode(msgspec.structs.replace(event, hash=b""))).digest()


class AuditLog:
    """Takes audit events and writes them within ``flush_seconds``.

    It fails closed: when ``capacity`` events wait because the store does not take them, ``record`` refuses. A flow
    that is about to claim something asks ``require_room`` first, so that nothing happens that cannot be recorded.

    Args:
        store: where events go.
        clock: tells the time of events.
        node: name of this machine or process, stable across starts.
        flush_seconds: how long an event waits at most while the store answers.
        capacity: events that may wait.
        extra_types: names of the types that features bring.
        epoch: name of this start of the process; new and random when absent.
    """

    def __init__(
        self,
        store: AuditStore,
        *,
        clock: Clock,
        node: str,
        flush_seconds: float = 0.2,
        capacity: int = 10_000,
        extra_types: Iterable[str] = (),
        epoch: str | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._node = node
        self._epoch = epoch or random_id()
        self._flush_seconds = flush_seconds
        self._capacity = capacity
        self._types = frozenset((*(one.name for one in EVENT_TYPES), *extra_types))
        self._waiting: deque[AuditEvent] = deque()
        self._prepared: tuple[AuditEvent, ...] = ()
        self._tried = False
        self._heads: dict[str, tuple[int, bytes]] = {}
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def backlog(self) -> int:
        """Events that wait for the store."""
        return len(self._waiting) + len(self._prepared)

    @property
    def now(self) -> int:
        """The time for ``AuditEvent.at``."""
        return self._clock.now()

    def require_room(self) -> None:
        """Refuse to go on when the next event could not be kept.

        Raises:
            TemporarilyUnavailableError: too many events wait; carries ``Retry-After``.
        """
        if self.backlog >= self._capacity:
            error = TemporarilyUnavailableError("the server cannot work now; try again later", detail="audit log full")
            error.headers.append((b"retry-after", b"5"))
            raise error

    def record(self, event: AuditEvent) -> None:
        """Take an event; it is written in the background.

        Args:
            event: without ``node``, ``epoch``, ``sequence`` and hashes; its details hold no secrets.

        Raises:
            TemporarilyUnavailableError: too many events wait; the caller's request fails too.
            ValueError: the type of the event is not known.
        """
        if event.type not in self._types:
            raise ValueError(f"{event.type} is no type of audit event")
        self.require_room()
        self._waiting.append(event)
        if len(self._waiting) >= _BATCH:
            self._wake.set()

    def start(self) -> None:
        """Begin to write in the background; needs a running event loop."""
        if self._task is None:
            self._closing = False
            self._task = asyncio.create_task(self._run(), name="audit")

    async def flush(self) -> None:
        """Write everything that waits; returns when the store has it.

        Raises:
            Exception: whatever the store raised; nothing is lost, the next call tries again.
        """
        async with self._lock:
            while self._waiting or self._prepared:
                if not self._prepared:
                    self._prepare()
                await self._append()

    async def close(self) -> None:
        """End the background task and write what waits, for ten seconds at most.

        Raises:
            TimeoutError: the store did not take the events in time.
            Exception: whatever the store raised.
        """
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
            self._task = None
        async with asyncio.timeout(_CLOSE_SECONDS):
            await self.flush()

    async def _run(self) -> None:
        while not self._closing:
            try:
                async with asyncio.timeout(self._flush_seconds):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self.flush()
            except Exception:  # noqa: BLE001 - the store may be away for a while; events wait for it
                _log.exception("audit events could not be written", waiting=self.backlog)
                # Without this pause a full batch would wake the loop again and again.
                await asyncio.sleep(self._flush_seconds)

    def _prepare(self) -> None:
        batch: list[AuditEvent] = []
        while self._waiting and len(batch) < _BATCH:
            event = self._waiting.popleft()
            sequence, previous = self._heads.get(event.issuer, (0, b""))
            event = msgspec.structs.replace(
                event,
                actor=_clean(event.actor),
                subject=_clean(event.subject),
                client_id=_clean(event.client_id),
                correlation_id=_clean(event.correlation_id),
                details=_details(event),
                node=self._node,
                epoch=self._epoch,
                sequence=sequence + 1,
                previous_hash=previous,
                hash=b"",
            )
            digest = event_hash(event)
            batch.append(msgspec.structs.replace(event, hash=digest))
            self._heads[event.issuer] = (sequence + 1, digest)
        self._prepared = tuple(batch)
        self._tried = False

    async def _append(self) -> None:
        retried, self._tried = self._tried, True
        try:
            await self._store.append_audit(self._prepared)
        except DuplicateError:
            # The first try was committed and only its answer was lost: the epoch is random, nobody else wrote these.
            if not retried:
                raise
        self._prepared = ()


def _clean(text: str) -> str:
    # Foreign text: no half characters, which cannot be encoded, and no NUL, which some databases refuse.
    return text[:_LONGEST].encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")


def _details(event: AuditEvent) -> dict[str, object]:
    masked = mask_value(event.details)
    if not isinstance(masked, dict):
        raise TypeError("details are a mapping")
    details = {name: _clean(value) if isinstance(value, str) else value for name, value in masked.items()}
    try:
        _encoder.encode(details)
    except (ValueError, TypeError, RecursionError):
        # One event that cannot be written must not hold up all others; that it happened is kept.
        return {"omitted": "details that cannot be encoded"}
    return details


@dataclass(frozen=True, slots=True)
class ChainProblem:
    """A place where a chain does not hold.

    Args:
        issuer: the chain's issuer.
        node: the chain's node.
        epoch: the chain's epoch.
        sequence: number of the first event that does not fit.
        wrong: ``hash`` (the event was changed), ``link`` (its predecessor was), ``gap`` (events are missing) or
            ``duplicate`` (two events have one number).
    """

    issuer: str
    node: str
    epoch: str
    sequence: int
    wrong: str


def verify_chain(events: Iterable[AuditEvent]) -> tuple[ChainProblem, ...]:
    """Verify the chains in a selection of events.

    Args:
        events: in any order, of any issuers, nodes and epochs. A chain may begin late (older events leave after
            their retention), but must have no gaps from there on.

    Returns:
        The first problem of each broken chain; empty when all hold.
    """
    chains: dict[tuple[str, str, str], list[AuditEvent]] = {}
    for event in events:
        chains.setdefault((event.issuer, event.node, event.epoch), []).append(event)
    problems: list[ChainProblem] = []
    for (issuer, node, epoch), chain in sorted(chains.items()):
        found = _first_problem(sorted(chain, key=lambda event: event.sequence))
        if found is not None:
            problems.append(ChainProblem(issuer, node, epoch, *found))
    return tuple(problems)


def _first_problem(chain: list[AuditEvent]) -> tuple[int, str] | None:
    previous: AuditEvent | None = None
    for event in chain:
        if previous is not None and event.sequence != previous.sequence + 1:
            return event.sequence, "duplicate" if event.sequence == previous.sequence else "gap"
        expected = previous.hash if previous is not None else b""
        if (previous is not None or event.sequence == 1) and event.previous_hash != expected:
            return event.sequence, "link"
        if event_hash(event) != event.hash:
            return event.sequence, "hash"
        previous = event
    return None
