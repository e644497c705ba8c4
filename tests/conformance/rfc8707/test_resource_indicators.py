"""RFC 8707: the client says where a token will be used."""

from typing import Any

import msgspec
import pytest
from tests.support.asgi import Answer
from tests.support.harness import (
    CRANES,
    ISSUER,
    OTHER_RESOURCE_SERVER,
    SERVICE,
    TIDES,
    WEB,
    Harbour,
    harbour,
)
from tests.support.independent import assert_error, read_jwt

from grantd.server.settings import ClientDefaults
from grantd.storage.records import ResourceServer

pytestmark = pytest.mark.anyio

BOTH = {"resource": [TIDES, CRANES], "scope": "tides.read cranes.read"}
UNACCEPTABLE = [
    "/api",
    "tides.harbour.example/api",
    f"{TIDES}#part",
    f"{TIDES}#",
    "https://unknown.example/",
    f"{TIDES}/",
    TIDES.upper(),
    f"{TIDES}?x=1",
    "https://tides.harbour.example:443/api",
    "urn:unknown",
    "not a uri",
]


async def signed_in(h: Harbour, **parameters: Any) -> Answer:
    return await h.code_answer(h.agent(), WEB, **parameters)


async def audience(h: Harbour, answer: Answer) -> Any:
    assert answer.status == 200, answer.text
    return (await read_jwt(h, answer.json["access_token"]))[1]["aud"]


@pytest.mark.req("RI-04", "RI-05")
async def test_resource_may_be_repeated(h: Harbour) -> None:
    code = await h.code(**BOTH)
    answer = await h.redeem(code, resource=[TIDES, CRANES])
    assert await audience(h, answer) == [TIDES, CRANES]
    assert answer.json["resource"] == [TIDES, CRANES]
    # Each API is told of itself only.
    for asking, own in (("rs-tides", TIDES), ("rs-cranes", CRANES)):
        assert (await h.introspect(answer.json["access_token"], asking))["aud"] == own


@pytest.mark.req("RI-05")
@pytest.mark.parametrize(
    ("resource", "scope", "asking"), [(TIDES, "tides.read", "rs-tides"), (CRANES, "cranes.read", "rs-cranes")]
)
async def test_audience_is_the_exact_resource(h: Harbour, resource: str, scope: str, asking: str) -> None:
    answer = await h.redeem(await h.code(resource=resource, scope=scope))
    assert await audience(h, answer) == resource
    assert (await h.introspect(answer.json["access_token"], asking))["aud"] == resource


@pytest.mark.req("RI-06")
@pytest.mark.parametrize("resource", UNACCEPTABLE)
async def test_unacceptable_resources_at_the_authorization_endpoint(h: Harbour, resource: str) -> None:
    answer = await signed_in(h, resource=resource)
    assert answer.query["error"] == "invalid_target"
    assert answer.query["state"] == "k9Vv-2"
    assert answer.query["iss"] == ISSUER
    assert "code" not in answer.query


@pytest.mark.req("RI-06")
@pytest.mark.parametrize("resource", UNACCEPTABLE)
async def test_unacceptable_resources_at_the_token_endpoint(h: Harbour, resource: str) -> None:
    code = await h.code()
    assert_error(await h.redeem(code, resource=resource), "invalid_target")
    assert_error(await h.redeem(code, resource=[TIDES, resource]), "invalid_target")
    first = await h.redeem(code)
    assert first.status == 200
    assert_error(await h.refresh(first.json["refresh_token"], resource=resource), "invalid_target")
    assert (await h.refresh(first.json["refresh_token"])).status == 200
    assert_error(await h.client_credentials(resource=resource), "invalid_target")


@pytest.mark.req("RI-07")
async def test_resource_may_be_required() -> None:
    async with harbour(clients=ClientDefaults(require_resource=True)) as h:
        assert (await signed_in(h)).query["error"] == "invalid_target"
        assert_error(await h.client_credentials(), "invalid_target")
        assert (await h.client_credentials(resource=CRANES)).status == 200
        # What the authorization request named is enough for the token requests.
        code = await h.code(resource=TIDES)
        first = await h.redeem(code)
        assert await audience(h, first) == TIDES
        assert await audience(h, await h.refresh(first.json["refresh_token"])) == TIDES


@pytest.mark.req("RI-07")
async def test_default_resource_stands_in(h: Harbour) -> None:
    # `status` exists at both APIs; the issuer's default decides, then the client's own.
    assert await audience(h, await h.client_credentials(scope="status")) == TIDES
    await h.change_client(SERVICE, default_resource=CRANES)
    answer = await h.client_credentials(scope="status")
    assert await audience(h, answer) == CRANES
    assert answer.json["resource"] == [CRANES]


@pytest.mark.req("RI-08", "RI-10")
async def test_resources_are_the_grants_not_the_first_tokens(h: Harbour) -> None:
    code = await h.code(**BOTH)
    first = await h.redeem(code, resource=TIDES)
    assert await audience(h, first) == TIDES
    second = await h.refresh(first.json["refresh_token"], resource=CRANES)
    assert await audience(h, second) == CRANES
    third = await h.refresh(second.json["refresh_token"], resource=[CRANES, TIDES])
    assert await audience(h, third) == [CRANES, TIDES]
    assert await audience(h, await h.refresh(third.json["refresh_token"], resource=TIDES)) == TIDES


@pytest.mark.req("RI-09")
async def test_token_requests_stay_within_the_grant(h: Harbour) -> None:
    code = await h.code(resource=TIDES, scope="tides.read status")
    assert_error(await h.redeem(code, resource=CRANES), "invalid_target")
    assert_error(await h.redeem(code, resource=[TIDES, CRANES]), "invalid_target")
    first = await h.redeem(code)
    for resource in (CRANES, [TIDES, CRANES]):
        assert_error(await h.refresh(first.json["refresh_token"], resource=resource), "invalid_target")
    assert await audience(h, await h.refresh(first.json["refresh_token"])) == TIDES


@pytest.mark.req("RI-09")
async def test_an_inferred_resource_bounds_the_grant_too(h: Harbour) -> None:
    code = await h.code(scope="status")
    assert_error(await h.redeem(code, resource=CRANES), "invalid_target")


@pytest.mark.req("RI-12")
async def test_scope_is_narrowed_to_the_resource_and_told(h: Harbour) -> None:
    first = await h.redeem(await h.code(**BOTH), resource=TIDES)
    assert first.json["scope"] == "tides.read"
    assert (await read_jwt(h, first.json["access_token"]))[1]["scope"] == "tides.read"
    second = await h.refresh(first.json["refresh_token"], resource=CRANES)
    assert second.json["scope"] == "cranes.read"
    assert_error(await h.refresh(second.json["refresh_token"], resource=CRANES, scope="tides.read"), "invalid_target")


@pytest.mark.req("RI-13")
@pytest.mark.parametrize(("resource", "name"), [(TIDES, "Tides"), (CRANES, "Cranes")])
async def test_consent_shows_the_resource(h: Harbour, resource: str, name: str) -> None:
    agent = h.agent()
    consent = await h.sign_in(agent, await h.authorize(agent, resource=resource, scope="status"))
    page = (await agent.get(consent.location)).text
    assert name in page
    assert ({"Tides", "Cranes"} - {name}).pop() not in page


@pytest.mark.req("RI-14")
async def test_tenants_of_one_host_are_different_audiences(h: Harbour) -> None:
    tenants = ("https://rs.example/t1", "https://rs.example/t2")
    for number, tenant in enumerate(tenants):
        server = ResourceServer(
            issuer=ISSUER, resource_server_id=f"t{number}", name="T", identifiers=(tenant,), scopes={"t.read": "read"}
        )
        assert await h.store.put_resource_server(server)
    h.issuer.load_resource_servers(await h.store.list_resource_servers(ISSUER))
    for tenant in tenants:
        assert await audience(h, await h.client_credentials(scope="t.read", resource=tenant)) == tenant


@pytest.mark.req("RI-05")
@pytest.mark.parametrize("said", [True, False])
async def test_answer_says_which_resource_the_token_is_for(*, said: bool) -> None:
    async with harbour(clients=ClientDefaults(resource_in_token_response=said)) as h:
        for answer in (await h.client_credentials(), await h.client_credentials(resource=CRANES)):
            # Always an array, whether asked for or chosen by default.
            assert answer.json.get("resource") == ([CRANES] if said else None)


@pytest.mark.req("RI-06")
async def test_withdrawn_resource_is_refused(h: Harbour) -> None:
    tokens = await h.tokens(resource=CRANES, scope="cranes.read")
    servers = await h.store.list_resource_servers(ISSUER)
    cranes = next(server for server in servers if server.resource_server_id == OTHER_RESOURCE_SERVER)
    disabled = msgspec.structs.replace(cranes, status="disabled", version=cranes.version + 1)
    assert await h.store.put_resource_server(disabled)
    h.issuer.load_resource_servers(await h.store.list_resource_servers(ISSUER))
    assert_error(await h.refresh(tokens["refresh_token"]), "invalid_target")
    assert_error(await h.client_credentials(resource=CRANES), "invalid_scope")
