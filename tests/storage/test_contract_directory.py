"""The contract of the Store port: clients, resource servers, users, revisions."""

import pytest
from msgspec.structs import replace
from tests.storage.samples import ISSUER, OTHER, a_client, a_resource_server, a_user

from grantd.storage.port import DuplicateError, Store

pytestmark = pytest.mark.anyio


async def test_clients_are_compared_and_set(store: Store) -> None:
    assert await store.find_client(ISSUER, "app") == a_client()
    assert await store.find_client(OTHER, "app") is None
    before = await store.revisions()
    assert not await store.put_client(a_client())
    assert not await store.put_client(a_client(version=3))
    assert await store.revisions() == before
    disabled = a_client(version=2, status="disabled")
    assert await store.put_client(disabled)
    assert not await store.put_client(disabled)
    assert await store.find_client(ISSUER, "app") == disabled
    assert await store.delete_client(ISSUER, "app")
    assert not await store.delete_client(ISSUER, "app")
    assert await store.find_client(ISSUER, "app") is None
    assert await store.revisions() == {**before, "clients": before["clients"] + 2}


async def test_paging_through_clients(store: Store) -> None:
    for name in ("c", "b", "\u00e9", "Z"):
        assert await store.put_client(a_client(name))
    assert await store.put_client(a_client("a", issuer=OTHER))
    assert [client.client_id for client in await store.list_clients(ISSUER)] == ["Z", "app", "b", "c", "\u00e9"]
    assert [client.client_id for client in await store.list_clients(ISSUER, after="app", limit=2)] == ["b", "c"]


async def test_origins_follow_the_client(store: Store) -> None:
    assert await store.has_origin(ISSUER, "https://app.example:8443")
    assert not await store.has_origin(OTHER, "https://app.example:8443")
    assert not await store.has_origin(ISSUER, "http://127.0.0.1")
    metadata = replace(
        a_client().metadata,
        redirect_uris=(
            "https://new.example:443/a",
            "https://new.example/b",
            "https://[::1]/",
            "https://bad:port/",
            "x:",
        ),
        allowed_origins=("http://localhost:5173",),
    )
    assert await store.put_client(a_client(version=2, metadata=metadata))
    assert not await store.has_origin(ISSUER, "https://app.example:8443")
    for origin in ("https://new.example", "https://[::1]", "http://localhost:5173"):
        assert await store.has_origin(ISSUER, origin)
    assert await store.put_client(a_client("twin", metadata=metadata))
    assert await store.put_client(a_client(version=3, metadata=metadata, status="disabled"))
    assert await store.has_origin(ISSUER, "https://new.example")
    assert await store.delete_client(ISSUER, "twin")
    assert not await store.has_origin(ISSUER, "https://new.example")


async def test_resource_servers(store: Store) -> None:
    first = a_resource_server("api", "https://api.example", "urn:api", "urn:api")
    assert await store.put_resource_server(first)
    assert not await store.put_resource_server(first)
    assert await store.put_resource_server(a_resource_server("aaa"))
    before = await store.revisions()
    with pytest.raises(DuplicateError, match="identifier"):
        await store.put_resource_server(a_resource_server("thief", "urn:own", "urn:api"))
    assert await store.revisions() == before
    assert await store.list_resource_servers(ISSUER) == (a_resource_server("aaa"), first)
    changed = replace(first, version=2, identifiers=("urn:new",))
    assert await store.put_resource_server(changed)
    with pytest.raises(DuplicateError):
        await store.put_resource_server(replace(changed, version=3, identifiers=("https://aaa.example",)))
    assert await store.list_resource_servers(ISSUER) == (a_resource_server("aaa"), changed)
    assert await store.put_resource_server(a_resource_server("heir", "urn:api", "urn:own"))
    assert await store.delete_resource_server(ISSUER, "heir")
    assert not await store.delete_resource_server(ISSUER, "heir")
    assert await store.put_resource_server(a_resource_server("later", "urn:own"))


async def test_users_are_compared_and_set(store: Store) -> None:
    assert await store.find_user(ISSUER, "u1") == a_user()
    assert not await store.put_user(a_user())
    assert not await store.put_user(a_user(version=3))
    renamed = a_user(version=2, username="Ann Two")
    assert await store.put_user(renamed)
    assert await store.find_user_by_name(ISSUER, "Ann") is None
    assert await store.find_user_by_name(ISSUER, "ann two") == renamed
    assert await store.delete_user(ISSUER, "u1")
    assert not await store.delete_user(ISSUER, "u1")
    assert await store.find_user(ISSUER, "u1") is None


@pytest.mark.parametrize("twin", ["ann", "ANN", "\uff21nn"])
async def test_user_names_are_folded(store: Store, twin: str) -> None:
    assert await store.find_user_by_name(ISSUER, twin) == a_user()
    assert await store.find_user_by_name(OTHER, twin) is None
    before = await store.revisions()
    with pytest.raises(DuplicateError, match="user name"):
        await store.put_user(a_user("u2", twin))
    assert await store.put_user(a_user("u2", "Bob"))
    with pytest.raises(DuplicateError, match="user name"):
        await store.put_user(a_user("u2", twin, version=2))
    assert await store.put_user(a_user("u1", twin, version=2))
    assert await store.put_user(a_user("u1", twin, issuer=OTHER))
    assert await store.revisions() == {**before, "users": before["users"] + 3}


async def test_paging_through_users(store: Store) -> None:
    for name in ("u3", "u2"):
        assert await store.put_user(a_user(name, name))
    assert [user.user_id for user in await store.list_users(ISSUER)] == ["u1", "u2", "u3"]
    assert [user.user_id for user in await store.list_users(ISSUER, after="u1", limit=1)] == ["u2"]
