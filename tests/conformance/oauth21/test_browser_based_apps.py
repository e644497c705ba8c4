"""OA21-147 to OA21-150: apps that run in a browser and have no secret."""

from collections.abc import AsyncIterator

import pytest
from tests.support.asgi import Answer, UserAgent
from tests.support.forms import form_of
from tests.support.harness import CLI, SPA, SPA_REDIRECT, WEB, Harbour, basic, harbour, pairs
from tests.support.outcomes import assert_error_page, assert_refused

from grantd.server.settings import ClientDefaults, Lifetimes, SessionSettings

pytestmark = pytest.mark.anyio

ORIGIN = "https://deck.example"
OTHERS = [
    "https://evil.example",
    "https://deck.example.evil.example",
    "https://sub.deck.example",
    "http://deck.example",
    "https://deck.example:8443",
    "https://DECK.example",
    "null",
    "https://dëck.example",
    "",
]


@pytest.mark.req("OA21-147")
async def test_pkce_and_exact_redirect_uris(h: Harbour) -> None:
    agent = await h.signed_in()
    refused = await h.authorize(agent, SPA, code_challenge=None)
    assert_refused(refused, "invalid_request", redirect_uri=SPA_REDIRECT)
    for other in ("https://deck.example/cb/", "https://deck.example/", "https://deck.example:443/cb"):
        assert_error_page(await h.authorize(agent, SPA, redirect_uri=other))
    code = await h.code(agent, SPA)
    without_verifier = await h.redeem(code, SPA, code_verifier=None)
    assert without_verifier.json["error"] == "invalid_grant"


@pytest.fixture
async def short() -> AsyncIterator[Harbour]:
    lifetimes = Lifetimes(refresh_token_public=1_000, refresh_token_public_idle=400)
    async with harbour(lifetimes=lifetimes, clients=ClientDefaults(refresh_rotation=False)) as running:
        yield running


@pytest.mark.req("OA21-148")
async def test_refresh_tokens_rotate_whatever_holds_for_others(short: Harbour) -> None:
    first = (await short.tokens(SPA))["refresh_token"]
    second = (await short.refresh(first, SPA)).json["refresh_token"]
    third = (await short.refresh(second, SPA)).json["refresh_token"]
    assert len({first, second, third}) == 3
    # The first one comes back after its successor was used: somebody has a copy, so all end.
    replayed = await short.refresh(first, SPA)
    assert replayed.json["error"] == "invalid_grant"
    assert (await short.refresh(third, SPA)).json["error"] == "invalid_grant"


@pytest.mark.req("OA21-148")
async def test_rotation_never_moves_the_end(short: Harbour) -> None:
    token = (await short.tokens(SPA))["refresh_token"]
    for _ in range(3):
        short.clock.advance(333)
        answer = await short.refresh(token, SPA)
        assert answer.status == 200, answer.text
        token = answer.json["refresh_token"]
    short.clock.advance(1)
    assert (await short.refresh(token, SPA)).json["error"] == "invalid_grant"


@pytest.mark.req("OA21-148")
async def test_an_unused_refresh_token_ends_early(short: Harbour) -> None:
    token = (await short.tokens(SPA))["refresh_token"]
    short.clock.advance(400)
    assert (await short.refresh(token, SPA)).json["error"] == "invalid_grant"


async def sign_out(agent: UserAgent) -> None:
    page = await agent.get("/sign-out")
    answer = await agent.post("/sign-out", form_of(page.text).hidden)
    assert answer.status == 303


async def refresh_token_of(h: Harbour, agent: UserAgent, client_id: str) -> str:
    token: str = (await h.redeem(await h.code(agent, client_id), client_id)).json["refresh_token"]
    return token


@pytest.mark.req("OA21-149")
@pytest.mark.parametrize("ended", ["none", "public", "all"])
async def test_signing_out_ends_the_refresh_tokens(ended: str) -> None:
    sessions = SessionSettings(end_grants_on_sign_out=ended)  # type: ignore[arg-type]  # one of its literals
    async with harbour(sessions=sessions) as h:
        agent, other = h.agent(), h.agent()
        mine = {client_id: await refresh_token_of(h, agent, client_id) for client_id in (SPA, CLI, WEB)}
        elsewhere = await refresh_token_of(h, other, SPA)
        await sign_out(agent)
        dead = {"none": set(), "public": {SPA, CLI}, "all": {SPA, CLI, WEB}}[ended]
        for client_id, token in mine.items():
            assert ((await h.refresh(token, client_id)).status == 400) is (client_id in dead), client_id
        assert (await h.refresh(elsewhere, SPA)).status == 200


def cors(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name.startswith("access-control-")}


@pytest.mark.req("OA21-150")
@pytest.mark.parametrize("endpoint", ["token", "revocation"])
async def test_a_preflight_from_the_origin_of_a_client(h: Harbour, endpoint: str) -> None:
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,dpop"}
    answer = await h.agent().request("OPTIONS", h.url(endpoint), headers={"origin": ORIGIN, **asks})
    assert answer.status == 204
    headers = cors(answer)
    assert headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in headers["access-control-allow-methods"]
    assert {"content-type", "dpop", "authorization"} <= {
        name.strip().lower() for name in headers["access-control-allow-headers"].split(",")
    }
    # Open point 10: no credentials.
    assert "access-control-allow-credentials" not in headers


@pytest.mark.req("OA21-150")
@pytest.mark.parametrize("endpoint", ["token", "revocation"])
async def test_the_answer_itself_can_be_read_by_the_client(h: Harbour, endpoint: str) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x", "client_id": SPA}
    for headers in ({"origin": ORIGIN}, {"origin": ORIGIN, **basic(WEB, "wrong")}):
        answer = await h.agent().post(h.url(endpoint), form, headers)
        assert cors(answer)["access-control-allow-origin"] == ORIGIN
        exposed = {name.strip().lower() for name in cors(answer)["access-control-expose-headers"].split(",")}
        assert {"dpop-nonce", "www-authenticate"} <= exposed
        assert "Origin" in (answer.header("vary") or "")


@pytest.mark.req("OA21-150")
@pytest.mark.parametrize("endpoint", ["token", "revocation"])
@pytest.mark.parametrize("origin", OTHERS)
async def test_another_origin_reads_nothing(h: Harbour, endpoint: str, origin: str) -> None:
    sent = {"origin": origin.encode().decode("latin-1")}
    preflight = {**sent, "access-control-request-method": "POST"}
    assert cors(await h.agent().request("OPTIONS", h.url(endpoint), headers=preflight)) == {}
    assert cors(await h.agent().post(h.url(endpoint), pairs({"client_id": SPA, "token": "x"}), sent)) == {}


@pytest.mark.req("OA21-150")
async def test_an_origin_can_be_listed(h: Harbour) -> None:
    await h.change_client(SPA, allowed_origins=("https://deck-preview.example",))
    answer = await h.agent().post(h.url("token"), {"client_id": SPA}, {"origin": "https://deck-preview.example"})
    assert cors(answer)["access-control-allow-origin"] == "https://deck-preview.example"


@pytest.mark.req("OA21-150")
async def test_anybody_may_read_metadata_and_keys(h: Harbour) -> None:
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/jwks"):
        answer = await h.agent().get(path, {"origin": "https://anywhere.example"})
        assert cors(answer)["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in cors(answer)
