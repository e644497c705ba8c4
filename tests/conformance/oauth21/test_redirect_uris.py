"""OA21-009 to OA21-017 at the authorization endpoint: where an answer may go, and where it must not."""

import pytest
from tests.support.harness import CLI, WEB, WEB_REDIRECT, Harbour, authorization_query
from tests.support.outcomes import assert_asks, assert_error_page, assert_refused

pytestmark = pytest.mark.anyio

OTHER = "https://fleet.example/other"


@pytest.mark.req("OA21-009")
@pytest.mark.parametrize("query", ["t=1", "t=1&u=a%20b", "t=", "t=%2F&", ""])
async def test_the_query_of_a_redirect_uri_stays(h: Harbour, query: str) -> None:
    redirect_uri = f"https://fleet.example/cb?{query}"
    await h.change_client(WEB, redirect_uris=(redirect_uri,))
    answer = await h.code_answer(h.agent(), redirect_uri=redirect_uri)
    assert answer.location.startswith(redirect_uri)
    added = answer.location.removeprefix(redirect_uri)
    assert added.removeprefix("&").startswith("code=")
    assert added.startswith("&") == (query not in {"t=%2F&", ""})
    assert (await h.redeem(answer.query["code"])).status == 200


@pytest.mark.req("OA21-009")
async def test_the_query_of_a_redirect_uri_stays_in_an_error(h: Harbour) -> None:
    agent = await h.signed_in()
    redirect_uri = "https://fleet.example/cb?t=1"
    await h.change_client(WEB, redirect_uris=(redirect_uri,))
    answer = await h.authorize(agent, redirect_uri=redirect_uri, scope="no.such")
    assert_refused(answer, "invalid_scope", redirect_uri=redirect_uri)
    assert answer.query["t"] == "1"


@pytest.mark.req("OA21-010", "OA21-015", "OA21-017")
@pytest.mark.parametrize(
    "requested",
    [
        "HTTPS://fleet.example/oauth/return",
        "https://FLEET.example/oauth/return",
        "https://fleet.example/OAuth/return",
        "https://fleet.example/oauth/return/",
        "https://fleet.example:443/oauth/return",
        "https://fleet.example/oauth%2Freturn",
        "https://fleet.example/%6Fauth/return",
        "https://fleet.example/oauth/return?",
        "https://fleet.example/oauth/return?x=1",
        "https://fleet.example/oauth/return#",
        "https://fleet.example/oauth/../oauth/return",
        "https://fleet.example//oauth/return",
        "https://fleet.example./oauth/return",
        "https://fleet.example@evil.example/oauth/return",
        "https://evil.example\\@fleet.example/oauth/return",
        "https://fleet.example.evil.example/oauth/return",
        "https://sub.fleet.example/oauth/return",
        "http://fleet.example/oauth/return",
        "//fleet.example/oauth/return",
        "/oauth/return",
        " https://fleet.example/oauth/return",
        "https://fleet.example/oauth/return ",
        "https://evil.example/",
        "javascript:alert(document.domain)",
        "data:text/html,<script>alert(1)</script>",
        WEB_REDIRECT[:-1],
    ],
)
async def test_an_unmatched_redirect_uri_gets_a_page(h: Harbour, requested: str) -> None:
    for agent in (h.agent(), await h.signed_in()):
        assert_error_page(await h.authorize(agent, redirect_uri=requested))
        assert_error_page(await h.authorize(agent, redirect_uri=requested, prompt="none"))


@pytest.mark.req("OA21-010")
async def test_every_registered_redirect_uri_can_be_asked_for(h: Harbour) -> None:
    await h.change_client(WEB, redirect_uris=(WEB_REDIRECT, OTHER))
    for each in (WEB_REDIRECT, OTHER):
        assert (await h.code_answer(h.agent(), redirect_uri=each)).location.startswith(f"{each}?code=")


@pytest.mark.req("OA21-011")
@pytest.mark.parametrize(
    ("registered", "requested"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:49231/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1/cb"),
        ("http://127.0.0.1:8000/cb", "http://127.0.0.1:49231/cb"),
        ("http://127.0.0.1:8000/cb", "http://127.0.0.1/cb"),
        ("http://[::1]/cb?t=1", "http://[::1]:49231/cb?t=1"),
    ],
)
async def test_the_port_of_a_loopback_redirect_uri_may_vary(h: Harbour, registered: str, requested: str) -> None:
    await h.change_client(CLI, redirect_uris=(registered,))
    answer = await h.code_answer(h.agent(), CLI, redirect_uri=requested)
    assert answer.location.startswith(requested)
    assert (await h.redeem(answer.query["code"], CLI)).status == 200


@pytest.mark.req("OA21-011", "OA21-015")
@pytest.mark.parametrize(
    ("registered", "requested"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:49231/cb2"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:49231/cb?x=1"),
        ("http://127.0.0.1/cb", "https://127.0.0.1:49231/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.2:49231/cb"),
        ("http://127.0.0.1/cb", "http://localhost:49231/cb"),
        ("http://127.0.0.1/cb", "http://[::1]:49231/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1.evil.example/cb"),
        ("http://localhost:8000/cb", "http://localhost:49231/cb"),
        ("http://localhost/cb", "http://localhost:49231/cb"),
    ],
)
async def test_nothing_but_the_port_of_a_loopback_redirect_uri_may_vary(
    h: Harbour, registered: str, requested: str
) -> None:
    await h.change_client(CLI, redirect_uris=(registered,))
    assert_error_page(await h.authorize(await h.signed_in(), CLI, redirect_uri=requested))


@pytest.mark.req("OA21-013")
@pytest.mark.parametrize("absent", [None, ""])
async def test_one_of_several_redirect_uris_has_to_be_named(h: Harbour, absent: str | None) -> None:
    await h.change_client(WEB, redirect_uris=(WEB_REDIRECT, OTHER))
    assert_error_page(await h.authorize(await h.signed_in(), redirect_uri=absent))


@pytest.mark.req("OA21-014")
@pytest.mark.parametrize("absent", [None, ""])
async def test_the_only_redirect_uri_need_not_be_named(h: Harbour, absent: str | None) -> None:
    answer = await h.code_answer(h.agent(), redirect_uri=absent)
    assert answer.location.startswith(f"{WEB_REDIRECT}?code=")
    assert (await h.redeem(answer.query["code"])).status == 200


@pytest.mark.req("OA21-016", "OA21-017")
@pytest.mark.parametrize("client_id", ["", "nobody", WEB.upper(), f"{WEB} ", f"{WEB}\u0000", "é", "x" * 3000, "a\nb"])
async def test_an_unknown_client_gets_a_page(h: Harbour, client_id: str) -> None:
    for agent in (h.agent(), await h.signed_in()):
        answer = await h.authorize(agent, client_id, redirect_uri=WEB_REDIRECT)
        assert_error_page(answer)
        assert "<h1>" in answer.text
        assert (answer.header("x-correlation-id") or "?") in answer.text


@pytest.mark.req("OA21-016", "OA21-017")
async def test_a_missing_client_gets_a_page(h: Harbour) -> None:
    agent = await h.signed_in()
    query = authorization_query().replace(f"client_id={WEB}&", "")
    assert "client_id" not in query
    assert_error_page(await agent.get(f"/authorize?{query}"))


@pytest.mark.req("OA21-016", "OA21-039")
@pytest.mark.parametrize("second", [WEB, CLI])
async def test_a_repeated_client_id_gets_a_page(h: Harbour, second: str) -> None:
    agent = await h.signed_in()
    assert_error_page(await agent.get(f"/authorize?{authorization_query()}&client_id={second}"))


@pytest.mark.req("OA21-015", "OA21-039")
async def test_a_repeated_redirect_uri_gets_a_page(h: Harbour) -> None:
    agent = await h.signed_in()
    assert_error_page(await h.authorize(agent, redirect_uri=[WEB_REDIRECT, WEB_REDIRECT]))
    assert_error_page(await h.authorize(agent, redirect_uri=[WEB_REDIRECT, "https://evil.example/"]))


@pytest.mark.req("OA21-016")
async def test_a_disabled_client_gets_a_page(h: Harbour) -> None:
    agent = await h.signed_in()
    client = await h.store.find_client(h.identifier, WEB)
    assert client is not None
    await h.put_client(WEB, client.metadata, status="disabled")
    assert_error_page(await h.authorize(agent))


@pytest.mark.req("OA21-015")
async def test_a_client_without_redirect_uris_gets_a_page(h: Harbour) -> None:
    agent = await h.signed_in()
    assert_error_page(await h.authorize(agent, "crane-agent", redirect_uri=None))
    assert_error_page(await h.authorize(agent, "crane-agent", redirect_uri=WEB_REDIRECT))


async def test_the_good_request_of_these_tests_is_answered(h: Harbour) -> None:
    assert_asks(await h.authorize(h.agent()))
