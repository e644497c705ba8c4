"""The contract of the Store port: keys, audit, feature records, leases, expiry."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace
from tests.storage.samples import (
    ISSUER,
    NOW,
    OTHER,
    a_family,
    a_grant,
    a_key,
    a_pending_grant,
    a_record,
    a_session,
    an_event,
    an_interaction,
)

from grantd.storage.port import DuplicateError, Store, StoreUnavailableError
from grantd.storage.records import Lease

pytestmark = pytest.mark.anyio


async def test_keys(store: Store) -> None:
    before = await store.revisions()
    young = a_key("a", created_at=NOW + 1)
    assert await store.put_key(young)
    assert await store.put_key(a_key("b"))
    assert not await store.put_key(a_key("b"))
    changed = a_key("b", version=2, revoked_at=NOW, sealed_private_key=b"")
    assert await store.put_key(changed)
    assert not await store.put_key(changed)
    assert await store.list_keys(ISSUER) == (changed, young)
    assert await store.list_keys(OTHER) == ()
    assert await store.delete_key(ISSUER, "a")
    assert not await store.delete_key(ISSUER, "a")
    assert await store.revisions() == {**before, "keys": before["keys"] + 4}


async def test_the_audit_log(store: Store) -> None:
    events = [an_event(number, type=kind) for number, kind in enumerate(("token.issued", "token_x", "token.revoked"))]
    await store.append_audit(events)
    await store.append_audit([])
    with pytest.raises(DuplicateError):
        await store.append_audit([an_event(9), an_event(1)])
    assert await store.list_audit(ISSUER) == tuple(reversed(events))
    assert await store.list_audit(ISSUER, type_prefix="token.") == (events[2], events[0])
    assert await store.list_audit(ISSUER, type_prefix="token%") == ()
    assert await store.list_audit(ISSUER, since=NOW + 1, before=NOW + 2) == (events[1],)
    assert await store.list_audit(ISSUER, limit=1) == (events[2],)
    assert await store.list_audit(OTHER) == ()
    assert await store.delete_audit(before=NOW + 2, limit=1) == 1
    assert await store.list_audit(ISSUER) == (events[2], events[1])
    assert await store.delete_audit(before=NOW + 2, limit=9) == 1
    assert await store.list_audit(ISSUER) == (events[2],)


async def test_records_are_inserted_once_and_replaced_by_version(store: Store) -> None:
    record = a_record()
    assert await store.insert_record(record)
    assert not await store.insert_record(replace(record, body=b"x"))
    assert await store.insert_record(replace(record, kind="other"))
    assert await store.insert_record(replace(record, issuer=OTHER))
    assert await store.find_record(ISSUER, "jti", "k", now=NOW + 9) == record
    assert await store.find_record(ISSUER, "jti", "k", now=NOW + 10) is None
    second = replace(record, version=2, body=b"2", expires_at=None)
    assert not await store.replace_record(replace(record, version=3))
    assert not await store.replace_record(replace(record, key="unknown"))
    assert await store.replace_record(second)
    assert not await store.replace_record(second)
    assert await store.find_record(ISSUER, "jti", "k", now=NOW * 2) == second


async def test_an_expired_record_stays_claimed_until_cleaned(store: Store) -> None:
    assert await store.insert_record(a_record(expires_at=NOW - 1))
    assert not await store.insert_record(a_record())
    assert await store.take_record(ISSUER, "jti", "k", now=NOW) is None
    await store.delete_expired(now=NOW, limit=10)
    assert await store.insert_record(a_record())


async def test_listing_records(store: Store) -> None:
    for name in ("c", "a", "b", "d"):
        assert await store.insert_record(a_record(name, expires_at=None if name == "d" else NOW + ord(name)))
    assert await store.insert_record(a_record("a", kind="other"))
    listed = await store.list_records(ISSUER, "jti", now=NOW + ord("a"))
    assert [record.key for record in listed] == ["b", "c", "d"]
    assert await store.list_records(ISSUER, "jti", now=NOW, after="b", limit=1) == (a_record("c", expires_at=NOW + 99),)


async def test_two_hundred_claims_have_one_winner(store: Store) -> None:
    inserted = await asyncio.gather(*(store.insert_record(a_record()) for _ in range(200)))
    assert inserted.count(True) == 1
    taken = await asyncio.gather(*(store.take_record(ISSUER, "jti", "k", now=NOW) for _ in range(200)))
    assert [record for record in taken if record is not None] == [a_record()]
    replaced = a_record("v")
    assert await store.insert_record(replaced)
    second = replace(replaced, version=2)
    results = await asyncio.gather(*(store.replace_record(second) for _ in range(200)))
    assert results.count(True) == 1


async def test_leases(store: Store) -> None:
    assert await store.acquire_lease("job", "a", now=NOW, seconds=10) == Lease("job", "a", 1, NOW + 10)
    assert await store.acquire_lease("job", "b", now=NOW + 9, seconds=10) is None
    assert await store.acquire_lease("job", "a", now=NOW + 9, seconds=10) == Lease("job", "a", 1, NOW + 19)
    second = await store.acquire_lease("job", "b", now=NOW + 19, seconds=10)
    assert second == Lease("job", "b", 2, NOW + 29)
    await store.release_lease(Lease("job", "a", 1, NOW + 19))
    assert await store.acquire_lease("job", "a", now=NOW + 20, seconds=10) is None
    await store.release_lease(second)
    assert await store.acquire_lease("job", "a", now=NOW + 20, seconds=10) == Lease("job", "a", 3, NOW + 30)
    assert await store.acquire_lease("job", "a", now=NOW + 31, seconds=10) == Lease("job", "a", 4, NOW + 41)
    others = await asyncio.gather(*(store.acquire_lease("x", str(n), now=NOW, seconds=9) for n in range(20)))
    assert sum(lease is not None for lease in others) == 1


type_of_case = tuple[str, Callable[[Store, str, int], Awaitable[object]], Callable[[Store, str], Awaitable[object]]]
CASES: list[type_of_case] = [
    (
        "sessions",
        lambda store, key, end: store.insert_session(a_session(key.encode() * 32, user_id=key, expires_at=end)),
        lambda store, key: store.end_session(ISSUER, key.encode() * 32),
    ),
    (
        "interactions",
        lambda store, key, end: store.insert_interaction(an_interaction(interaction_id=key, expires_at=end)),
        lambda store, key: store.take_interaction(ISSUER, key, version=1),
    ),
    (
        "grants",
        lambda store, key, end: store.insert_grant(a_grant(key, expires_at=end)),
        lambda store, key: store.find_grant(ISSUER, key),
    ),
    (
        "grants",
        lambda store, key, end: store.insert_grant(a_pending_grant(key, code_expires_at=end)),
        lambda store, key: store.find_grant(ISSUER, key),
    ),
    (
        "refresh_families",
        lambda store, key, end: store.insert_family(a_family("live", key, expires_at=end, idle_expires_at=NOW * 2)),
        lambda store, key: store.find_family(ISSUER, key),
    ),
    (
        "refresh_families",
        lambda store, key, end: store.insert_family(a_family("live", key, expires_at=NOW * 2, idle_expires_at=end)),
        lambda store, key: store.find_family(ISSUER, key),
    ),
    (
        "feature_records",
        lambda store, key, end: store.insert_record(a_record(key, expires_at=end)),
        lambda store, key: store.find_record(ISSUER, "jti", key, now=0),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{number}-{case[0]}" for number, case in enumerate(CASES)])
async def test_expired_rows_leave_in_batches(store: Store, case: type_of_case) -> None:
    kind, insert, find = case
    await store.insert_grant(a_grant("live"))
    for key, end in {"a": NOW - 2, "b": NOW - 1, "c": NOW, "d": NOW + 1}.items():
        await insert(store, key, end)
    first = await store.delete_expired(now=NOW, limit=2)
    assert first == {**dict.fromkeys(first, 0), kind: 2}
    assert (await store.delete_expired(now=NOW, limit=2))[kind] == 1
    assert (await store.delete_expired(now=NOW, limit=2))[kind] == 0
    assert [bool(await find(store, key)) for key in "abcd"] == [False, False, False, True]
    assert await store.find_grant(ISSUER, "live") is not None


async def test_the_deny_list_forgets(store: Store) -> None:
    await store.insert_grant(a_grant("g"))
    await store.revoke_token(ISSUER, "old", expires_at=NOW)
    await store.revoke_token(ISSUER, "new", expires_at=NOW + 1)
    assert (await store.delete_expired(now=NOW, limit=9))["revoked_tokens"] == 1
    assert not (await store.token_state(ISSUER, "g", "old")).revoked
    assert (await store.token_state(ISSUER, "g", "new")).revoked


async def test_redemption_and_ending_move_the_leaving(store: Store) -> None:
    await store.insert_grant(a_pending_grant("redeemed", code_expires_at=NOW + 1))
    await store.insert_grant(a_pending_grant("ended", code_expires_at=NOW + 1))
    code_hash = a_pending_grant().code_hash
    assert code_hash is not None
    assert await store.redeem_code(ISSUER, "redeemed", code_hash, now=NOW, expires_at=None, family=None)
    await store.end_grants(ISSUER, by="grant", key="ended", now=NOW, reason="r", keep_until=NOW + 50)
    assert (await store.delete_expired(now=NOW + 49, limit=9))["grants"] == 0
    assert (await store.delete_expired(now=NOW + 50, limit=9))["grants"] == 1
    assert await store.find_grant(ISSUER, "redeemed") is not None


async def test_rotation_moves_the_leaving_up_to_the_end(store: Store) -> None:
    await store.insert_grant(a_grant("g"))
    await store.insert_family(a_family("g", "f", idle_expires_at=NOW + 10, expires_at=NOW + 50))
    assert await store.rotate_family(ISSUER, "f", counter=0, now=NOW, idle_expires_at=NOW + 20)
    assert (await store.delete_expired(now=NOW + 19, limit=9))["refresh_families"] == 0
    assert await store.touch_family(ISSUER, "f", counter=1, now=NOW, rotated_since=0, idle_expires_at=NOW + 90)
    assert (await store.delete_expired(now=NOW + 49, limit=9))["refresh_families"] == 0
    assert (await store.delete_expired(now=NOW + 50, limit=9))["refresh_families"] == 1


async def test_a_closed_store_refuses(store: Store) -> None:
    await store.ping()
    assert set(await store.revisions()) == {"clients", "keys", "resource_servers", "users"}
    await store.close()
    with pytest.raises(StoreUnavailableError):
        await store.insert_grant(a_grant())
    with pytest.raises(StoreUnavailableError):
        await store.ping()
    await store.close()
