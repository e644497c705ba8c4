"""RFC 7662: resource servers ask what a token is worth."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from tests.support.harness import (
    CLI,
    CRANES,
    ISSUER,
    OTHER_RESOURCE_SERVER,
    RESOURCE_SERVER,
    SERVICE,
    TIDES,
    WEB,
    Harbour,
    basic,
    harbour,
    resource_servers,
    secret_of,
)
from tests.support.independent import assert_error, read_jwt
from tests.support.invented import BINDING, KEY_HEADER

from grantd.server.catalogue import FEATURES

pytestmark = pytest.mark.anyio

SIGNED = {"accept": "application/token-introspection+jwt"}
INACTIVE = b'{"active":false}'


async def expired(h: Harbour) -> str:
    token: str = (await h.tokens())["access_token"]
    h.clock.advance(300)
    return token


async def revoked(h: Harbour) -> str:
    token: str = (await h.tokens())["access_token"]
    await h.revoke(token)
    return token


async def of_an_ended_grant(h: Harbour) -> str:
    tokens = await h.tokens()
    await h.revoke(tokens["refresh_token"])
    return str(tokens["access_token"])


async def of_a_disabled_user(h: Harbour) -> str:
    token: str = (await h.tokens())["access_token"]
    assert await h.store.put_user(msgspec.structs.replace(h.user, status="disabled", version=2))
    return token


async def of_a_disabled_client(h: Harbour) -> str:
    token: str = (await h.tokens())["access_token"]
    client = await h.store.find_client(ISSUER, WEB)
    assert client is not None
    assert await h.store.put_client(msgspec.structs.replace(client, status="disabled", version=2))
    return token


async def for_another_resource(h: Harbour) -> str:
    return str((await h.tokens(resource=CRANES, scope="cranes.read"))["access_token"])


async def a_refresh_token(h: Harbour) -> str:
    return str((await h.tokens())["refresh_token"])


async def a_code(h: Harbour) -> str:
    return await h.code()


async def unknown(_h: Harbour) -> str:
    return "2YotnFZFEjr1zCsicMWpAA"


async def forged(h: Harbour) -> str:
    """Everything right but the key."""
    header, claims = await read_jwt(h, (await h.tokens())["access_token"])
    return jwt.encode(header, claims, ECKey.generate_key("P-256"))


async def of_no_grant(h: Harbour) -> str:
    """A token whose signature is ours but which was never issued."""
    _, claims = await read_jwt(h, (await h.tokens())["access_token"])
    return h.issuer.keys.compact_signer("at+jwt").sign({**claims, "jti": "A" * 22 + "." + "B" * 27})


async def of_another_type(h: Harbour) -> str:
    """Our signature and all claims, but another kind of JWT."""
    _, claims = await read_jwt(h, (await h.tokens())["access_token"])
    return h.issuer.keys.compact_signer("JWT").sign(claims)


DEAD: list[Callable[[Harbour], Awaitable[str]]] = [
    unknown,
    expired,
    revoked,
    for_another_resource,
    of_an_ended_grant,
    of_a_disabled_user,
    of_a_disabled_client,
    a_refresh_token,
    a_code,
    forged,
    of_no_grant,
    of_another_type,
]


@pytest.mark.req("INTR-01")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_post_only(h: Harbour, method: str) -> None:
    target = f"{h.url('introspection')}?token=x"
    assert (await h.agent().request(method, target, headers=basic(RESOURCE_SERVER))).status == 405


@pytest.mark.req("INTR-01")
@pytest.mark.parametrize(("headers", "status"), [({}, 401), (SIGNED, 400)])
@pytest.mark.parametrize("form", [{}, {"client_id": CLI}, {"client_id": RESOURCE_SERVER}, {"client_id": "nobody"}])
async def test_caller_has_to_authenticate(
    h: Harbour, headers: dict[str, str], status: int, form: dict[str, str]
) -> None:
    token = (await h.tokens())["access_token"]
    answer = await h.agent().post(h.url("introspection"), {"token": token, **form}, headers)
    assert_error(answer, "invalid_client", status)
    assert "active" not in answer.text


@pytest.mark.req("INTR-02")
@pytest.mark.parametrize(
    "authorization",
    [
        basic(RESOURCE_SERVER, "wrong")["authorization"],
        basic("nobody")["authorization"],
        basic(WEB, "wrong")["authorization"],
        basic(SERVICE)["authorization"],
        "Bearer abc",
    ],
)
async def test_bad_credentials_and_bad_bearers_are_401(h: Harbour, authorization: str) -> None:
    token = (await h.tokens())["access_token"]
    answer = await h.agent().post(h.url("introspection"), {"token": token}, {"authorization": authorization})
    assert_error(answer, "invalid_client", 401)
    assert answer.header("www-authenticate")


@pytest.mark.req("INTR-02")
async def test_bad_body_credentials_are_401(h: Harbour) -> None:
    form = {"token": "x", "client_id": RESOURCE_SERVER, "client_secret": "wrong"}
    assert_error(await h.agent().post(h.url("introspection"), form), "invalid_client", 401)
    right = await h.agent().post(h.url("introspection"), {**form, "client_secret": secret_of(RESOURCE_SERVER)})
    assert (right.status, right.body) == (200, INACTIVE)


@pytest.mark.req("INTR-03", "INTR-04", "INTR-06")
@pytest.mark.parametrize("make", DEAD)
async def test_dead_tokens_look_alike(h: Harbour, make: Callable[[Harbour], Awaitable[str]]) -> None:
    answer = await h.agent().post(h.url("introspection"), {"token": await make(h)}, basic(RESOURCE_SERVER))
    assert (answer.status, answer.body) == (200, INACTIVE)
    assert {name for name, _ in answer.headers} == {
        "content-type",
        "cache-control",
        "content-length",
        "x-correlation-id",
    }


@pytest.mark.req("INTR-04")
async def test_a_token_that_just_lived_is_dead_at_once(h: Harbour) -> None:
    """The verdict is never remembered, only the words."""
    tokens = await h.tokens()
    token = tokens["access_token"]
    for _ in range(3):
        assert (await h.introspect(token))["active"]
    await h.revoke(token)
    assert await h.introspect(token) == {"active": False}


@pytest.mark.req("INTR-05")
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "opaque_access_token", "nonsense", ""])
async def test_the_hint_is_only_a_hint(h: Harbour, hint: str) -> None:
    tokens = await h.tokens()
    form = {"token": tokens["access_token"], "token_type_hint": hint}
    assert (await h.agent().post(h.url("introspection"), form, basic(RESOURCE_SERVER))).json["active"]
    form = {"token": tokens["refresh_token"], "token_type_hint": hint}
    assert (await h.agent().post(h.url("introspection"), form, basic(WEB))).json["active"]


@pytest.mark.req("INTR-06")
async def test_only_the_audience_is_told(h: Harbour) -> None:
    token = (await h.tokens(scope="tides.read"))["access_token"]
    assert (await h.introspect(token, RESOURCE_SERVER))["active"]
    assert await h.introspect(token, OTHER_RESOURCE_SERVER) == {"active": False}


@pytest.mark.req("INTR-07")
async def test_each_resource_server_is_told_its_own_part(h: Harbour) -> None:
    code = await h.code(resource=[TIDES, CRANES], scope="tides.read cranes.read")
    token = (await h.redeem(code)).json["access_token"]
    said = {name: await h.introspect(token, name) for name in (RESOURCE_SERVER, OTHER_RESOURCE_SERVER)}
    assert (said[RESOURCE_SERVER]["aud"], said[RESOURCE_SERVER]["scope"]) == (TIDES, "tides.read")
    assert (said[OTHER_RESOURCE_SERVER]["aud"], said[OTHER_RESOURCE_SERVER]["scope"]) == (CRANES, "cranes.read")
    # Also when both ask in turns, from the cache.
    assert (await h.introspect(token, RESOURCE_SERVER))["scope"] == "tides.read"


@pytest.mark.req("INTR-08")
@pytest.mark.parametrize("client_id", [WEB, SERVICE])
async def test_ordinary_clients_learn_nothing_of_access_tokens(h: Harbour, client_id: str) -> None:
    token = (await h.tokens())["access_token"]
    form = {"token": token, "client_id": client_id, "client_secret": secret_of(client_id)}
    await h.change_client(client_id, token_endpoint_auth_method="client_secret_post")
    answer = await h.agent().post(h.url("introspection"), form)
    assert (answer.status, answer.body) == (200, INACTIVE)


@pytest.mark.req("INTR-08")
async def test_a_client_may_ask_about_its_own_refresh_token_only(h: Harbour) -> None:
    tokens = await h.tokens()
    said = await h.introspect(tokens["refresh_token"], WEB)
    assert said["active"]
    assert said["client_id"] == WEB
    assert "token_type" not in said
    other = await h.tokens(CLI)
    assert await h.introspect(other["refresh_token"], WEB) == {"active": False}
    # A rotated token is no longer live.
    await h.refresh(tokens["refresh_token"])
    assert await h.introspect(tokens["refresh_token"], WEB) == {"active": False}


@pytest.mark.req("INTR-10")
async def test_answers_are_not_stored(h: Harbour) -> None:
    token = (await h.tokens())["access_token"]
    for value, headers in ((token, {}), ("x", {}), (token, SIGNED), ("x", SIGNED)):
        form = {"token": value}
        answer = await h.agent().post(h.url("introspection"), form, {**basic(RESOURCE_SERVER), **headers})
        assert answer.header("cache-control") == "no-store"


@pytest.mark.req("INTR-16")
@pytest.mark.parametrize("endpoint", ["token", "revocation"])
async def test_resource_server_credentials_serve_nowhere_else(h: Harbour, endpoint: str) -> None:
    form = {"grant_type": "client_credentials", "scope": "tides.read", "token": "x"}
    answer = await h.agent().post(h.url(endpoint), form, basic(RESOURCE_SERVER))
    assert_error(answer, "invalid_client", 401)
    form |= {"client_id": RESOURCE_SERVER, "client_secret": secret_of(RESOURCE_SERVER)}
    assert_error(await h.agent().post(h.url(endpoint), form), "invalid_client")
    page = await h.authorize(h.agent(), client_id=RESOURCE_SERVER, redirect_uri="https://x.example/")
    assert page.status == 400


@pytest.mark.req("INTR-16")
async def test_disabled_resource_servers_may_not_ask(h: Harbour) -> None:
    assert await h.store.put_resource_server(
        msgspec.structs.replace(resource_servers()[0], status="disabled", version=2)
    )
    h.issuer.load_resource_servers(await h.store.list_resource_servers(ISSUER))
    answer = await h.agent().post(h.url("introspection"), {"token": "x"}, basic(RESOURCE_SERVER))
    assert_error(answer, "invalid_client", 401)


@pytest.mark.req("INTR-17")
async def test_bound_tokens_show_their_key() -> None:
    thumbprint = "vXHsRapYEnm9n101XLLrYad1pkrVvwzSy9H4p2cco3k"
    async with harbour(features=[*FEATURES, BINDING]) as h:
        form = {"grant_type": "client_credentials", "scope": "tides.read", "client_id": SERVICE}
        form["client_secret"] = secret_of(SERVICE)
        bound = await h.agent().post(h.url("token"), form, {KEY_HEADER: thumbprint})
        assert bound.json["token_type"] == "DPoP"
        said = await h.introspect(bound.json["access_token"])
        assert said["cnf"] == {"jkt": thumbprint}
        assert said["token_type"] == "DPoP"
        bearer = await h.agent().post(h.url("token"), form)
        said = await h.introspect(bearer.json["access_token"])
        assert "cnf" not in said
        assert said["token_type"] == "Bearer"


@pytest.mark.req("INTR-01")
async def test_the_token_is_required(h: Harbour) -> None:
    for form in ({}, {"token": ""}):
        assert_error(await h.agent().post(h.url("introspection"), form, basic(RESOURCE_SERVER)), "invalid_request")
