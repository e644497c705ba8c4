import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.core.clock import ManualClock
from grantd.core.errors import TemporarilyUnavailableError
from grantd.server.observe import audit_types
from grantd.server.observe.audit import AuditLog, ChainProblem, verify_chain
from grantd.server.observe.audit_types import EVENT_TYPES, SIGN_IN_FAILED, SIGN_IN_SUCCEEDED
from grantd.storage.port import DuplicateError, StoreUnavailableError
from grantd.storage.records import AuditEvent

pytestmark = pytest.mark.anyio
ISSUER = "https://as.example"


class FakeStore:
    """Keeps events as a database would: encoded, unique, and sometimes away."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str, int], bytes] = {}
        self.away = False
        self.loses_answers = False

    async def append_audit(self, events: Sequence[AuditEvent]) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailableError
        keys = [(one.issuer, one.node, one.epoch, one.sequence) for one in events]
        if any(key in self.rows for key in keys):
            raise DuplicateError("audit event")
        self.rows.update(zip(keys, map(msgspec.json.encode, events), strict=True))
        if self.loses_answers:
            self.loses_answers = False
            raise StoreUnavailableError

    @property
    def events(self) -> list[AuditEvent]:
        return [msgspec.json.decode(row, type=AuditEvent) for row in self.rows.values()]


def made(store: FakeStore, **members: Any) -> AuditLog:
    defaults: dict[str, Any] = {"flush_seconds": 0.01, "node": "n1", "clock": ManualClock()}
    return AuditLog(store, **(defaults | members))


def event(issuer: str = ISSUER, **members: Any) -> AuditEvent:
    return AuditEvent(issuer=issuer, at=1, **{"type": SIGN_IN_SUCCEEDED, "subject": "u"} | members)


async def test_chains_events_by_issuer() -> None:
    store = FakeStore()
    log = made(store)
    for issuer in ("a", "b", "a"):
        log.record(event(issuer, details={"methods": ("pwd",), "address": "192.0.2.1"}))
    assert log.backlog == 3
    await log.flush()
    assert log.backlog == 0
    log.record(event("a"))
    await log.flush()
    chain = [one for one in store.events if one.issuer == "a"]
    assert [one.sequence for one in chain] == [1, 2, 3]
    assert [one.previous_hash for one in chain] == [b"", chain[0].hash, chain[1].hash]
    assert {(one.node, len(one.epoch)) for one in store.events} == {("n1", 22)}
    assert all(len(one.hash) == 32 for one in store.events)
    assert verify_chain(reversed(store.events)) == ()
    assert verify_chain(()) == ()


async def test_two_starts_are_two_chains() -> None:
    store = FakeStore()
    for _ in range(2):
        log = made(store)
        log.record(event())
        await log.close()
    assert len({one.epoch for one in store.events}) == 2
    assert verify_chain(store.events) == ()


async def chain(length: int) -> list[AuditEvent]:
    store = FakeStore()
    log = made(store, epoch="e")
    for index in range(length):
        log.record(event(subject=str(index)))
    await log.flush()
    return store.events


@pytest.mark.parametrize(
    ("tamper", "sequence", "wrong"),
    [
        (lambda events: events[:2] + events[3:], 4, "gap"),
        (lambda events: [*events, events[2]], 3, "duplicate"),
        (lambda events: [events[0], msgspec.structs.replace(events[1], subject="x"), *events[2:]], 2, "hash"),
        (lambda events: [events[0], msgspec.structs.replace(events[1], details={"x": 1}), *events[2:]], 2, "hash"),
        (lambda events: [msgspec.structs.replace(events[0], previous_hash=b"x"), *events[1:]], 1, "link"),
        (
            lambda events: [*events[:3], msgspec.structs.replace(events[3], previous_hash=events[1].hash), events[4]],
            4,
            "link",
        ),
    ],
)
async def test_tampering_shows(tamper: Any, sequence: int, wrong: str) -> None:
    events = await chain(5)
    assert verify_chain(events) == ()
    assert verify_chain(tamper(events)) == (ChainProblem(ISSUER, "n1", "e", sequence, wrong),)


async def test_a_changed_event_cannot_be_hidden_by_a_new_hash() -> None:
    from grantd.server.observe.audit import event_hash  # noqa: PLC0415 - only this test forges

    events = await chain(3)
    forged = msgspec.structs.replace(events[1], subject="mallory")
    events[1] = msgspec.structs.replace(forged, hash=event_hash(forged))
    assert verify_chain(events) == (ChainProblem(ISSUER, "n1", "e", 3, "link"),)


async def test_a_chain_may_begin_late() -> None:
    assert verify_chain((await chain(5))[2:]) == ()


async def test_writes_in_the_background_and_at_the_end() -> None:
    store = FakeStore()
    log = made(store)
    log.start()
    log.start()
    log.record(event())
    for _ in range(200):
        if store.rows:
            break
        await asyncio.sleep(0.005)
    assert len(store.rows) == 1
    log.record(event())
    await log.close()
    assert len(store.rows) == 2


async def test_a_full_batch_does_not_wait_for_the_interval() -> None:
    store = FakeStore()
    log = made(store, flush_seconds=3600)
    log.start()
    for _ in range(1200):
        log.record(event())
    for _ in range(200):
        if len(store.rows) == 1200:
            break
        await asyncio.sleep(0.005)
    assert len(store.rows) == 1200
    await log.close()
    assert verify_chain(store.events) == ()


async def test_waits_for_a_store_that_is_away() -> None:
    store = FakeStore()
    log = made(store)
    log.start()
    store.away = True
    log.record(event())
    await asyncio.sleep(0.05)
    log.record(event())
    assert log.backlog == 2
    with pytest.raises(StoreUnavailableError):
        await log.flush()
    store.away = False
    await log.close()
    assert [one.sequence for one in store.events] == [1, 2]
    assert verify_chain(store.events) == ()


async def test_an_event_whose_answer_was_lost_is_written_once() -> None:
    store = FakeStore()
    log = made(store)
    store.loses_answers = True
    log.record(event(subject="first"))
    with pytest.raises(StoreUnavailableError):
        await log.flush()
    log.record(event(subject="second"))
    await log.flush()
    assert [one.subject for one in store.events] == ["first", "second"]
    assert verify_chain(store.events) == ()


async def test_an_epoch_of_somebody_else_is_never_taken_for_written() -> None:
    store = FakeStore()
    first, second = made(store, epoch="same"), made(store, epoch="same")
    first.record(event())
    await first.flush()
    second.record(event())
    with pytest.raises(DuplicateError):
        await second.flush()
    assert second.backlog == 1


async def test_refuses_when_full() -> None:
    store = FakeStore()
    log = made(store, capacity=2)
    store.away = True
    log.record(event())
    with pytest.raises(StoreUnavailableError):
        await log.flush()
    log.require_room()
    log.record(event())
    for refuse in (log.require_room, lambda: log.record(event())):
        with pytest.raises(TemporarilyUnavailableError) as caught:
            refuse()
        assert caught.value.headers == [(b"retry-after", b"5")]
    store.away = False
    await log.flush()
    log.record(event())
    await log.flush()
    assert len(store.rows) == 3


async def test_refuses_unknown_types() -> None:
    log = made(FakeStore(), extra_types=["invented.happened"])
    log.record(event(type="invented.happened"))
    with pytest.raises(ValueError, match="no type"):
        log.record(event(type="sign_in.happened"))


@pytest.mark.req("OA21-151")
async def test_secrets_never_arrive() -> None:
    store = FakeStore()
    log = made(store)
    details = {"password": "s3cr3t-1", "form": {"code": "s3cr3t-2"}, "url": "https://a.example?code=s3cr3t-3"}
    log.record(event(type=SIGN_IN_FAILED, outcome="failure", details=details))
    await log.flush()
    assert "s3cr3t" not in str(store.rows)


async def test_foreign_text_is_cut_and_cleaned() -> None:
    store = FakeStore()
    log = made(store)
    log.record(
        event(
            client_id="x" * 9000,
            subject="a\x00b\ud800",
            details={"username": "\udcff" + "y" * 9000, "n": {"m": "\ud800"}},
        )
    )
    log.record(event())
    await log.flush()
    first, second = store.events
    assert len(first.client_id) == 256
    assert first.subject == "a\ufffdb?"
    assert first.details == {"omitted": "details that cannot be encoded"}
    assert second.sequence == 2
    assert verify_chain(store.events) == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(details=st.lists(st.dictionaries(st.text(), json_values, max_size=4), max_size=4))
async def test_any_details_survive_the_database(details: list[dict[str, Any]]) -> None:
    store = FakeStore()
    log = made(store)
    for one in details:
        log.record(event(details=one))
    await log.flush()
    assert len(store.rows) == len(details)
    assert verify_chain(store.events) == ()


async def test_every_type_is_named_once_and_explained() -> None:
    names = [one.name for one in EVENT_TYPES]
    assert len(set(names)) == len(names)
    constants = {value for name, value in vars(audit_types).items() if name.isupper() and isinstance(value, str)}
    assert constants == set(names)
    assert all(one.documentation.endswith(".") and "|" not in one.documentation for one in EVENT_TYPES)
