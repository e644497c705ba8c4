"""Several issuers in one deployment: what one of them gave is worth nothing at another."""

import dataclasses
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from tests.support.harness import (
    CLI,
    RESOURCE_SERVER,
    SERVICE,
    USERNAME,
    WEB,
    Harbour,
    basic,
    harbour,
    secret_of,
)
from tests.support.independent import assert_error, metadata_of, published_keys, read_jwt

from grantd.server.clients.authentication import hash_secret
from grantd.storage.records import SecretHash

pytestmark = pytest.mark.anyio

HERE = "https://login.harbour.example"
THERE = "https://login.other.example"
RED = "https://shared.example/t/red"
BLUE = "https://shared.example/t/blue"
ROOT = "https://shared.example"

PAIRS = pytest.mark.parametrize("pair", [(HERE, THERE), (RED, BLUE), (ROOT, RED)], ids=" ".join)


@asynccontextmanager
async def two(pair: tuple[str, str]) -> AsyncIterator[tuple[Harbour, Harbour]]:
    """The same server seen as two issuers, with the same client, resource server and user names at both."""
    async with harbour(identifiers=pair) as first:
        user = await first.store.find_user_by_name(pair[1], USERNAME)
        assert user is not None
        yield first, dataclasses.replace(first, identifier=pair[1], user=user)


async def opaque_tides(h: Harbour) -> None:
    servers = await h.store.list_resource_servers(h.identifier)
    tides = next(server for server in servers if server.resource_server_id == RESOURCE_SERVER)
    assert await h.store.put_resource_server(msgspec.structs.replace(tides, token_format="opaque", version=2))
    h.issuer.load_resource_servers(await h.store.list_resource_servers(h.identifier))


@PAIRS
@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_access_tokens(pair: tuple[str, str], token_format: str) -> None:
    async with two(pair) as (a, b):
        if token_format == "opaque":
            await opaque_tides(a)
            await opaque_tides(b)
        token = (await a.tokens())["access_token"]
        assert (await a.introspect(token))["iss"] == pair[0]
        assert await b.introspect(token) == {"active": False}
        # A revocation there finds nothing and changes nothing here.
        assert (await b.revoke(token)).status == 200
        assert (await a.introspect(token))["active"]


@PAIRS
async def test_codes(pair: tuple[str, str]) -> None:
    async with two(pair) as (a, b):
        code = await a.code()
        assert_error(await b.redeem(code), "invalid_grant")
        assert (await a.redeem(code)).status == 200
        assert_error(await b.redeem(code), "invalid_grant")


@PAIRS
@pytest.mark.parametrize("client_id", [WEB, CLI])
async def test_refresh_tokens(pair: tuple[str, str], client_id: str) -> None:
    async with two(pair) as (a, b):
        token = (await a.tokens(client_id))["refresh_token"]
        assert_error(await b.refresh(token, client_id), "invalid_grant")
        if client_id == WEB:
            assert await b.introspect(token, WEB) == {"active": False}
        assert (await b.revoke(token, client_id)).status == 200
        assert (await a.refresh(token, client_id)).status == 200


@PAIRS
async def test_clients_of_the_same_name(pair: tuple[str, str]) -> None:
    async with two(pair) as (a, b):
        client = await b.store.find_client(pair[1], SERVICE)
        assert client is not None
        other = SecretHash(sha256=hash_secret("another secret of at least 32 characters"), created_at=0)
        await b.put_client(SERVICE, client.metadata, secrets=(other,))
        form = {"grant_type": "client_credentials", "scope": "cranes.read", "client_id": SERVICE}
        ours, theirs = secret_of(SERVICE), "another secret of at least 32 characters"
        for h, right, wrong in ((a, ours, theirs), (b, theirs, ours)):
            assert (await h.agent().post(h.url("token"), {**form, "client_secret": right})).status == 200
            assert_error(await h.agent().post(h.url("token"), {**form, "client_secret": wrong}), "invalid_client")
        # A client of one issuer only does not exist at the other.
        await a.put_client("only-here", client.metadata)
        assert (await a.client_credentials("only-here")).status == 200
        headers = {**form, "client_id": "only-here", "client_secret": secret_of("only-here")}
        assert_error(await b.agent().post(b.url("token"), headers), "invalid_client")


@PAIRS
async def test_failures_at_one_do_not_throttle_the_other(pair: tuple[str, str]) -> None:
    async with two(pair) as (a, b):
        statuses = [(await a.client_credentials(client_secret="wrong")).status for _ in range(21)]
        assert statuses[-1] == 429
        assert (await b.client_credentials()).status == 200


@PAIRS
async def test_resource_servers(pair: tuple[str, str]) -> None:
    async with two(pair) as (a, b):
        servers = await b.store.list_resource_servers(pair[1])
        tides = next(server for server in servers if server.resource_server_id == RESOURCE_SERVER)
        assert await b.store.put_resource_server(msgspec.structs.replace(tides, secrets=(), version=2))
        b.issuer.load_resource_servers(await b.store.list_resource_servers(pair[1]))
        answer = await b.agent().post(b.url("introspection"), {"token": "x"}, basic(RESOURCE_SERVER))
        assert_error(answer, "invalid_client", 401)
        assert f'realm="{pair[1]}"' in (answer.header("www-authenticate") or "")
        assert await a.introspect("x") == {"active": False}


@PAIRS
async def test_sessions(pair: tuple[str, str]) -> None:
    async with two(pair) as (a, b):
        agent = a.agent()
        await a.code(agent)
        assert "code" in (await a.authorize(agent)).query
        # The same browser, with all its cookies, is nobody at the other issuer.
        stranger = b.agent()
        stranger.cookies.update(agent.cookies)
        assert "/interaction?" in (await b.authorize(stranger)).location
        # Nor does the cookie work under the other issuer's name.
        session = agent.cookies[a.issuer.cookies.session]
        stranger.cookies[b.issuer.cookies.session] = session
        assert "/interaction?" in (await b.authorize(stranger)).location
        assert "code" in (await a.authorize(agent)).query


@PAIRS
async def test_interactions(pair: tuple[str, str]) -> None:
    async with two(pair) as (a, b):
        agent, stranger = a.agent(), b.agent()
        location = (await a.authorize(agent)).location
        await b.authorize(stranger)
        stranger.cookies.update(agent.cookies)
        stranger.cookies[b.issuer.cookies.user_agent] = agent.cookies[a.issuer.cookies.user_agent]
        page = await stranger.get(f"{b.issuer.base_path}/interaction?{location.partition('?')[2]}")
        assert page.status >= 400
        assert 'name="password"' not in page.text
        assert 'name="password"' in (await agent.get(location)).text


@PAIRS
async def test_sign_out_at_one_leaves_the_other(pair: tuple[str, str]) -> None:
    async with two(pair) as (a, b):
        agents = {h.identifier: h.agent() for h in (a, b)}
        for h in (a, b):
            await h.code(agents[h.identifier])
        await a.store.end_sessions(pair[0], a.user.user_id)
        assert "/interaction?" in (await a.authorize(agents[pair[0]])).location
        assert "code" in (await b.authorize(agents[pair[1]])).query


@PAIRS
@pytest.mark.req("ASM-01", "JAT-04")
async def test_documents_keys_and_identifiers(pair: tuple[str, str]) -> None:
    async with two(pair) as (a, b):
        kids = []
        for h in (a, b):
            document = await metadata_of(h)
            assert document["issuer"] == h.identifier
            for name, value in document.items():
                if name.endswith(("_endpoint", "_uri")):
                    assert value.startswith(f"{h.identifier}/"), name
            kids.append({key.kid for key in (await published_keys(h)).keys})
            answer = await h.code_answer(h.agent())
            assert answer.query["iss"] == h.identifier
            claims = (await read_jwt(h, (await h.tokens())["access_token"]))[1]
            assert claims["iss"] == h.identifier
        assert not kids[0] & kids[1]


@pytest.mark.req("ASM-01", "ASM-02", "ASM-18")
async def test_documents_of_all_issuers_of_one_host() -> None:
    async with harbour(identifiers=(ROOT, RED, BLUE)) as h:
        agent = h.agent(identifier=ROOT)
        for identifier, path in ((ROOT, ""), (RED, "/t/red"), (BLUE, "/t/blue")):
            for suffix in ("oauth-authorization-server", "openid-configuration"):
                for target in {f"/.well-known/{suffix}{path}", f"{path}/.well-known/{suffix}"}:
                    answer = await agent.get(target)
                    assert (answer.status, answer.json["issuer"]) == (200, identifier), target
        assert (await agent.get("/.well-known/oauth-authorization-server/t/green")).status == 404
        assert (await agent.get("/t/green/token")).status == 404


async def test_hosts_are_kept_apart() -> None:
    """The identifier comes from the configuration, never from the request."""
    async with harbour(identifiers=(HERE, THERE)) as h:
        agent = h.agent()
        for headers in (
            {"host": "login.other.example"},
            {"x-forwarded-host": "login.other.example"},
            {"forwarded": "host=login.other.example"},
        ):
            answer = await agent.request("GET", "/.well-known/oauth-authorization-server", headers=headers)
            assert answer.json["issuer"] == (THERE if "host" in headers else HERE)
        answer = await agent.request("GET", "/.well-known/oauth-authorization-server", headers={"host": "evil.example"})
        assert answer.status in {400, 404, 421}


@PAIRS
async def test_a_token_cannot_be_relabelled(pair: tuple[str, str]) -> None:
    """Opaque tokens are sealed for their issuer; the bytes say nothing and open nowhere else."""
    async with two(pair) as (a, b):
        await opaque_tides(a)
        await opaque_tides(b)
        tokens: dict[str, Any] = await a.tokens()
        sealed = urlsafe_b64decode(tokens["access_token"].partition("_")[2] + "==")
        assert pair[0].encode() not in sealed
        assert await b.introspect(tokens["access_token"]) == {"active": False}
