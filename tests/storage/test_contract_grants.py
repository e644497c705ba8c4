"""The contract of the Store port: grants, refresh token families, deny list. Any store's fixture runs it."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from tests.storage.samples import CODE, ISSUER, NOW, OTHER, a_client, a_family, a_grant, a_pending_grant, a_user

from grantd.storage.port import DuplicateError, Store
from grantd.storage.records import StandingGrant, TokenState

pytestmark = pytest.mark.anyio
END = NOW + 500


async def redeem(store: Store, grant_id: str, **changes: Any) -> bool:
    arguments: dict[str, Any] = {"now": NOW, "expires_at": END, "family": None, **changes}
    return await store.redeem_code(ISSUER, grant_id, arguments.pop("code_hash", CODE), **arguments)


async def disable(store: Store, who: str) -> None:
    if who == "client":
        assert await store.put_client(a_client(version=2, status="disabled"))
    elif who == "user":
        assert await store.put_user(a_user(version=2, status="disabled"))
    elif who == "client_gone":
        assert await store.delete_client(ISSUER, "app")
    else:
        assert await store.delete_user(ISSUER, "u1")


GONE = ["client", "user", "client_gone", "user_gone"]


async def test_a_grant_comes_back_as_it_was(store: Store) -> None:
    for grant in (a_grant(), a_pending_grant(), a_grant(user_id=None, session_id=None, expires_at=END)):
        await store.insert_grant(grant)
        view = await store.find_grant(ISSUER, grant.grant_id)
        assert view is not None
        assert view.grant == grant
        assert (view.client_active, view.user_active) == (True, True)
        assert view.live == (grant.status == "active")
    assert await store.find_grant(OTHER, grant.grant_id) is None
    assert await store.find_grant(ISSUER, "nothing") is None


async def test_a_grant_is_inserted_once(store: Store) -> None:
    await store.insert_grant(a_grant("g"))
    with pytest.raises(DuplicateError, match="grant"):
        await store.insert_grant(a_grant("g", scopes=()))
    view = await store.find_grant(ISSUER, "g")
    assert view is not None
    assert view.grant.scopes == ("openid", "a")


@pytest.mark.parametrize("who", GONE)
async def test_liveness_follows_client_and_user(store: Store, who: str) -> None:
    await store.insert_grant(a_grant("g"))
    await store.insert_grant(a_grant("own", user_id=None))
    await disable(store, who)
    view = await store.find_grant(ISSUER, "g")
    assert view is not None
    assert (view.client_active, view.user_active) == (not who.startswith("client"), not who.startswith("user"))
    assert not view.live
    assert await store.token_state(ISSUER, "g", "j") == TokenState(grant_live=False, revoked=False)
    own = await store.find_grant(ISSUER, "own")
    assert own is not None
    assert own.live == who.startswith("user")


async def test_a_code_is_redeemed_once(store: Store) -> None:
    grant = a_pending_grant("g")
    family = a_family("g")
    await store.insert_grant(grant)
    assert await redeem(store, "g", family=family)
    view = await store.find_family(ISSUER, family.family_id)
    assert view is not None
    assert view.family == family
    assert view.grant_view.grant == replace(grant, status="active", expires_at=END)
    assert view.grant_view.live
    second = a_family("g")
    assert not await redeem(store, "g", family=second)
    assert await store.find_family(ISSUER, second.family_id) is None


@pytest.mark.parametrize(
    "wrong", [{"code_hash": b"x" * 32}, {"now": NOW + 60}, {"now": NOW + 61}], ids=["hash", "at the end", "after"]
)
async def test_a_wrong_or_late_code_writes_nothing(store: Store, wrong: dict[str, Any]) -> None:
    grant = a_pending_grant("g")
    family = a_family("g")
    await store.insert_grant(grant)
    assert not await redeem(store, "g", family=family, **wrong)
    view = await store.find_grant(ISSUER, "g")
    assert view is not None
    assert view.grant == grant
    assert await store.find_family(ISSUER, family.family_id) is None
    assert await redeem(store, "g", now=NOW + 59)


@pytest.mark.parametrize("who", GONE)
async def test_no_code_is_redeemed_for_the_inactive(store: Store, who: str) -> None:
    await store.insert_grant(a_pending_grant("g"))
    await disable(store, who)
    assert not await redeem(store, "g")


async def test_codes_of_grants_that_are_not_pending(store: Store) -> None:
    await store.insert_grant(a_grant("active", code_hash=CODE, code_expires_at=NOW + 60))
    await store.insert_grant(a_pending_grant("ended"))
    await store.end_grants(ISSUER, by="grant", key="ended", now=NOW, reason="r", keep_until=END)
    for grant_id in ("active", "ended", "unknown"):
        assert not await redeem(store, grant_id)


async def test_a_taken_family_identifier_leaves_the_code_unused(store: Store) -> None:
    await store.insert_grant(a_pending_grant("g"))
    await store.insert_family(a_family("g", "f"))
    with pytest.raises(DuplicateError):
        await redeem(store, "g", family=a_family("g", "f"))
    assert await redeem(store, "g")


async def test_two_hundred_redemptions_have_one_winner(store: Store) -> None:
    await store.insert_grant(a_pending_grant("g"))
    families = [a_family("g") for _ in range(200)]
    results = await asyncio.gather(*(redeem(store, "g", family=family) for family in families))
    assert results.count(True) == 1
    found = [await store.find_family(ISSUER, family.family_id) for family in families]
    assert [view is not None for view in found] == results


async def rotate(store: Store, counter: int, *, now: int = NOW) -> bool:
    return await store.rotate_family(ISSUER, "f", counter=counter, now=now, idle_expires_at=now + 100)


async def touch(store: Store, counter: int, *, now: int = NOW, since: int = 0) -> bool:
    return await store.touch_family(
        ISSUER, "f", counter=counter, now=now, rotated_since=since, idle_expires_at=now + 100
    )


async def with_family(store: Store, **changes: Any) -> None:
    await store.insert_grant(a_grant("g"))
    await store.insert_family(a_family("g", "f", **changes))


async def test_rotation_moves_the_counter(store: Store) -> None:
    await with_family(store)
    assert await rotate(store, 0, now=NOW + 7)
    assert not await rotate(store, 0, now=NOW + 7)
    assert await rotate(store, 1, now=NOW + 8)
    view = await store.find_family(ISSUER, "f")
    assert view is not None
    assert view.family == a_family("g", "f", counter=2, rotated_at=NOW + 8, idle_expires_at=NOW + 108)


async def test_two_hundred_rotations_have_one_winner(store: Store) -> None:
    await with_family(store)
    results = await asyncio.gather(*(rotate(store, 0) for _ in range(200)))
    assert results.count(True) == 1


async def test_touching_leaves_counter_and_rotation_time(store: Store) -> None:
    await with_family(store)
    assert await touch(store, 0, now=NOW + 5, since=NOW)
    assert not await touch(store, 0, now=NOW + 5, since=NOW + 1)
    assert not await touch(store, 1)
    view = await store.find_family(ISSUER, "f")
    assert view is not None
    assert view.family == a_family("g", "f", idle_expires_at=NOW + 105)


@pytest.mark.parametrize("use", [rotate, touch])
@pytest.mark.parametrize("end", ["idle_expires_at", "expires_at"])
async def test_an_expired_family_is_dead(store: Store, use: Any, end: str) -> None:
    await with_family(store, **{end: NOW + 10})
    assert not await use(store, 0, now=NOW + 10)
    assert await use(store, 0, now=NOW + 9)


@pytest.mark.parametrize("use", [rotate, touch])
@pytest.mark.parametrize("who", GONE)
async def test_a_family_of_the_inactive_is_dead(store: Store, use: Any, who: str) -> None:
    await with_family(store)
    await disable(store, who)
    assert not await use(store, 0)


@pytest.mark.parametrize("use", [rotate, touch])
async def test_a_family_without_a_live_grant_is_dead(store: Store, use: Any) -> None:
    await store.insert_family(a_family("unknown", "f"))
    assert not await use(store, 0)
    assert await store.find_family(ISSUER, "f") is None
    await store.insert_grant(a_pending_grant("unknown"))
    assert not await use(store, 0)


async def test_ending_takes_families_along(store: Store) -> None:
    await with_family(store)
    assert await store.end_grants(ISSUER, by="grant", key="g", now=NOW + 1, reason="revoked", keep_until=END) == ("g",)
    assert await store.end_grants(ISSUER, by="grant", key="g", now=NOW + 2, reason="again", keep_until=0) == ()
    view = await store.find_family(ISSUER, "f")
    assert view is not None
    assert view.family.status == "ended"
    assert view.grant_view.grant == a_grant(
        "g", status="ended", ended_at=NOW + 1, ended_reason="revoked", expires_at=END
    )
    assert not await rotate(store, 0)
    assert not await touch(store, 0)
    assert await store.token_state(ISSUER, "g", "j") == TokenState(grant_live=False, revoked=False)


@pytest.mark.parametrize(("by", "key"), [("user", "u1"), ("client", "app"), ("session", b"s" * 32)])
async def test_ending_by_owner(store: Store, by: Any, key: Any) -> None:
    await store.insert_grant(a_grant("mine-1"))
    await store.insert_grant(a_pending_grant("mine-2"))
    await store.insert_grant(a_grant("others", user_id="u2", client_id="app2", session_id=b"t" * 32))
    await store.insert_grant(a_grant("mine-3", issuer=OTHER))
    await store.insert_family(a_family("mine-1", "f1"))
    await store.insert_family(a_family("others", "f2"))
    ended = await store.end_grants(ISSUER, by=by, key=key, now=NOW, reason="r", keep_until=END)
    assert ended == ("mine-1", "mine-2")
    for family_id, status in (("f1", "ended"), ("f2", "active")):
        view = await store.find_family(ISSUER, family_id)
        assert view is not None
        assert view.family.status == status
    other = await store.find_grant(OTHER, "mine-3")
    assert other is not None
    assert other.grant.status == "active"


@pytest.mark.parametrize(("by", "key"), [("user", "u1"), ("client", "app")])
async def test_paging_through_open_grants(store: Store, by: Any, key: str) -> None:
    grants = [a_grant(f"g{number}") for number in (3, 1, 2, 5, 4)]
    for grant in [*grants, a_grant("x", user_id="u2", client_id="app2")]:
        await store.insert_grant(grant)
    await store.end_grants(ISSUER, by="grant", key="g2", now=NOW, reason="r", keep_until=END)
    first = await store.list_grants(ISSUER, by=by, key=key, limit=2)
    assert first == (a_grant("g1"), a_grant("g3"))
    rest = await store.list_grants(ISSUER, by=by, key=key, after="g3")
    assert [grant.grant_id for grant in rest] == ["g4", "g5"]


async def test_the_deny_list(store: Store) -> None:
    await store.insert_grant(a_grant("g"))
    assert await store.token_state(ISSUER, "g", "j") == TokenState(grant_live=True, revoked=False)
    await store.revoke_token(ISSUER, "j", expires_at=END)
    await store.revoke_token(ISSUER, "j", expires_at=END + 1)
    assert await store.token_state(ISSUER, "g", "j") == TokenState(grant_live=True, revoked=True)
    assert await store.token_state(ISSUER, "g", "k") == TokenState(grant_live=True, revoked=False)
    assert await store.token_state(OTHER, "g", "j") == TokenState(grant_live=False, revoked=False)


def standing(grant_id: str | None, version: int = 1, *, client_active: bool = True) -> StandingGrant:
    return StandingGrant(version, client_active=client_active, grant_id=grant_id)


async def test_standing_grants(store: Store) -> None:
    assert await store.find_standing_grant(ISSUER, "unknown") is None
    assert await store.find_standing_grant(ISSUER, "app") == standing(None)
    await store.insert_grant(a_grant("g0"))
    assert await store.find_standing_grant(ISSUER, "app") == standing(None)
    first = a_grant("g1", user_id=None, session_id=None)
    assert await store.begin_standing_grant(first)
    assert await store.find_standing_grant(ISSUER, "app") == standing("g1")
    view = await store.find_grant(ISSUER, "g1")
    assert view is not None
    assert view.grant == first
    assert not await store.begin_standing_grant(a_grant("g2"))
    assert await store.find_grant(ISSUER, "g2") is None
    await disable(store, "client")
    assert await store.find_standing_grant(ISSUER, "app") == standing("g1", 2, client_active=False)


@pytest.mark.parametrize(("by", "key"), [("grant", "g1"), ("user", "u1"), ("client", "app"), ("session", b"s" * 32)])
async def test_an_ended_standing_grant_makes_room(store: Store, by: Any, key: str | bytes) -> None:
    assert await store.begin_standing_grant(a_grant("g1"))
    assert await store.end_grants(ISSUER, by=by, key=key, now=NOW, reason="r", keep_until=END) == ("g1",)
    assert await store.find_standing_grant(ISSUER, "app") == standing(None)
    # The identifier is taken by the grant that ended.
    assert not await store.begin_standing_grant(a_grant("g1"))
    assert await store.find_standing_grant(ISSUER, "app") == standing(None)
    assert await store.begin_standing_grant(a_grant("g2"))
    assert await store.find_standing_grant(ISSUER, "app") == standing("g2")
    ended = await store.find_grant(ISSUER, "g1")
    assert ended is not None
    assert ended.grant.status == "ended"


@pytest.mark.parametrize("who", ["client", "client_gone"])
async def test_no_standing_grant_without_an_active_client(store: Store, who: str) -> None:
    await disable(store, who)
    assert not await store.begin_standing_grant(a_grant("g1"))
    assert await store.find_grant(ISSUER, "g1") is None


async def test_a_later_client_of_that_name_has_no_standing_grant(store: Store) -> None:
    assert await store.begin_standing_grant(a_grant("g1"))
    assert await store.delete_client(ISSUER, "app")
    assert await store.put_client(a_client())
    assert await store.find_standing_grant(ISSUER, "app") == standing(None)
    assert await store.begin_standing_grant(a_grant("g2"))
    # The end of the former client's grant does not touch the later one's.
    assert await store.end_grants(ISSUER, by="grant", key="g1", now=NOW, reason="r", keep_until=END) == ("g1",)
    assert await store.find_standing_grant(ISSUER, "app") == standing("g2")


async def test_each_client_and_issuer_has_its_own_standing_grant(store: Store) -> None:
    others = [(ISSUER, "app2"), (OTHER, "app")]
    for issuer, client_id in others:
        assert await store.put_client(a_client(client_id, issuer=issuer))
    for issuer, client_id in [(ISSUER, "app"), *others]:
        name = f"of-{client_id}"
        assert await store.begin_standing_grant(a_grant(name, issuer=issuer, client_id=client_id))
        assert await store.find_standing_grant(issuer, client_id) == standing(name)
    assert await store.end_grants(ISSUER, by="client", key="app", now=NOW, reason="r", keep_until=END) == ("of-app",)
    for issuer, client_id in others:
        assert await store.find_standing_grant(issuer, client_id) == standing(f"of-{client_id}")


async def test_one_standing_grant_wins(store: Store) -> None:
    grants = [a_grant() for _ in range(200)]
    results = await asyncio.gather(*(store.begin_standing_grant(grant) for grant in grants))
    assert results.count(True) == 1
    winner = grants[results.index(True)]
    assert await store.find_standing_grant(ISSUER, "app") == standing(winner.grant_id)
    assert await store.list_grants(ISSUER, by="client", key="app", limit=300) == (winner,)
