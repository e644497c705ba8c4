"""The contract of the Store port: sessions, consents, interactions."""

import asyncio

import pytest
from msgspec.structs import replace
from tests.storage.samples import ISSUER, NOW, OTHER, a_client, a_consent, a_session, a_user, an_interaction

from grantd.storage.port import DuplicateError, Store
from grantd.storage.records import SessionView

pytestmark = pytest.mark.anyio
COOKIE = b"s" * 32


async def test_a_session_with_user_and_consent(store: Store) -> None:
    await store.insert_session(a_session())
    assert await store.find_session(ISSUER, COOKIE, "app", now=NOW) == SessionView(a_session(), a_user(), None)
    assert await store.put_consent(a_consent())
    assert await store.find_session(ISSUER, COOKIE, "app", now=NOW) == SessionView(a_session(), a_user(), a_consent())
    assert await store.find_session(ISSUER, COOKIE, "other", now=NOW) == SessionView(a_session(), a_user(), None)
    assert await store.find_session(OTHER, COOKIE, "app", now=NOW) is None
    assert await store.find_session(ISSUER, COOKIE, "app", now=NOW + 99) is not None
    assert await store.find_session(ISSUER, COOKIE, "app", now=NOW + 100) is None


async def test_no_session_of_a_disabled_user(store: Store) -> None:
    await store.insert_session(a_session())
    await store.put_user(a_user(version=2, status="disabled"))
    assert await store.find_session(ISSUER, COOKIE, "app", now=NOW) is None


async def test_a_new_session_replaces_the_old(store: Store) -> None:
    await store.insert_session(a_session())
    await store.insert_session(a_session(b"t" * 32), replacing=COOKIE)
    assert await store.find_session(ISSUER, COOKIE, "app", now=NOW) is None
    assert await store.find_session(ISSUER, b"t" * 32, "app", now=NOW) is not None
    await store.insert_session(a_session(b"v" * 32))
    with pytest.raises(DuplicateError):
        await store.insert_session(a_session(b"t" * 32), replacing=b"v" * 32)
    assert await store.find_session(ISSUER, b"v" * 32, "app", now=NOW) is not None


async def test_touching_a_session(store: Store) -> None:
    await store.insert_session(a_session())
    await store.touch_session(ISSUER, COOKIE, now=NOW + 50, expires_at=NOW + 150)
    touched = a_session(last_seen_at=NOW + 50, expires_at=NOW + 150)
    assert await store.list_sessions(ISSUER, "u1", now=NOW) == (touched,)
    await store.touch_session(ISSUER, COOKIE, now=NOW + 150, expires_at=NOW + 999)
    assert await store.list_sessions(ISSUER, "u1", now=NOW) == (touched,)


async def test_ending_sessions(store: Store) -> None:
    for number in range(3):
        await store.insert_session(a_session(bytes([number]) * 32, created_at=NOW + number))
    await store.insert_session(a_session(b"x" * 32, user_id="u2"))
    listed = await store.list_sessions(ISSUER, "u1", now=NOW)
    assert [session.created_at - NOW for session in listed] == [2, 1, 0]
    assert await store.end_session(ISSUER, b"\x01" * 32)
    assert not await store.end_session(ISSUER, b"\x01" * 32)
    assert await store.end_sessions(ISSUER, "u1") == 2
    assert await store.list_sessions(ISSUER, "u1", now=NOW) == ()
    assert len(await store.list_sessions(ISSUER, "u2", now=NOW)) == 1


async def test_consent_is_compared_and_set(store: Store) -> None:
    assert not await store.put_consent(a_consent(version=2))
    assert await store.put_consent(a_consent())
    assert not await store.put_consent(a_consent(scopes=("b",)))
    assert await store.put_consent(a_consent(version=2, scopes=("b",)))
    assert not await store.put_consent(a_consent(version=2, scopes=("c",)))
    await store.insert_session(a_session())
    view = await store.find_session(ISSUER, COOKIE, "app", now=NOW)
    assert view is not None
    assert view.consent == a_consent(version=2, scopes=("b",))
    assert await store.delete_consent(ISSUER, "u1", "app")
    assert not await store.delete_consent(ISSUER, "u1", "app")


async def test_consent_goes_with_client_and_user(store: Store) -> None:
    await store.insert_session(a_session())
    await store.put_consent(a_consent())
    assert await store.delete_client(ISSUER, "app")
    assert await store.put_client(a_client())
    view = await store.find_session(ISSUER, COOKIE, "app", now=NOW)
    assert view is not None
    assert view.consent is None
    await store.put_consent(a_consent())
    assert await store.delete_user(ISSUER, "u1")
    assert await store.list_sessions(ISSUER, "u1", now=NOW) == ()
    assert not await store.delete_consent(ISSUER, "u1", "app")


async def test_interactions(store: Store) -> None:
    first = an_interaction()
    assert not await store.replace_interaction(first)
    assert not await store.replace_interaction(replace(first, version=2))
    await store.insert_interaction(first)
    with pytest.raises(DuplicateError):
        await store.insert_interaction(first)
    assert await store.find_interaction(ISSUER, "i1", now=NOW + 9) == first
    assert await store.find_interaction(ISSUER, "i1", now=NOW + 10) is None
    second = replace(first, version=2, body=b"2", user_agent_hash=b"i", expires_at=NOW + 20)
    assert await store.replace_interaction(second)
    assert not await store.replace_interaction(replace(second, body=b"lost"))
    assert await store.find_interaction(ISSUER, "i1", now=NOW) == second
    assert not await store.take_interaction(ISSUER, "i1", version=1)
    taken = await asyncio.gather(*(store.take_interaction(ISSUER, "i1", version=2) for _ in range(50)))
    assert taken.count(True) == 1
    assert await store.find_interaction(ISSUER, "i1", now=NOW) is None
