"""OAuth 2.1 section 4.3: refresh tokens, their rotation and their ends."""

import string
from typing import Any

import msgspec
import pytest
from tests.support.asgi import UserAgent
from tests.support.forms import form_of
from tests.support.harness import CLI, ISSUER, SPA, WEB, WEB_REDIRECT, Harbour, harbour
from tests.support.independent import assert_error

from grantd.server.settings import ClientDefaults, Lifetimes, SessionSettings
from grantd.storage.records import ClientMetadata

pytestmark = pytest.mark.anyio

OTHER = "fleet-web-8"
OVERLAP = 10
DAY = 86_400


async def active(h: Harbour, token: str) -> bool:
    return bool((await h.introspect(token))["active"])


async def next_of(h: Harbour, refresh_token: str, client_id: str) -> dict[str, Any]:
    answer = await h.refresh(refresh_token, client_id)
    assert answer.status == 200, answer.text
    members: dict[str, Any] = answer.json
    return members


async def assert_ended(h: Harbour, client_id: str, *members: dict[str, Any]) -> None:
    """Nothing of the family works any more."""
    for tokens in members:
        assert_error(await h.refresh(tokens["refresh_token"], client_id), "invalid_grant")
        assert not await active(h, tokens["access_token"])


@pytest.mark.req("OA21-099")
@pytest.mark.parametrize(("owner", "thief"), [(WEB, OTHER), (WEB, CLI), (CLI, SPA), (CLI, WEB)])
async def test_refresh_token_of_another_client_is_refused(h: Harbour, owner: str, thief: str) -> None:
    grants = ("authorization_code", "refresh_token")
    await h.put_client(OTHER, ClientMetadata(redirect_uris=(WEB_REDIRECT,), grant_types=grants))
    tokens = await h.tokens(owner)
    assert_error(await h.refresh(tokens["refresh_token"], thief), "invalid_grant")
    # The thief's attempt does not end the owner's family either.
    assert (await h.refresh(tokens["refresh_token"], owner)).status == 200


@pytest.mark.req("OA21-099")
async def test_confidential_client_authenticates_to_refresh(h: Harbour) -> None:
    tokens = await h.tokens()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": WEB}
    assert_error(await h.agent().post(h.url("token"), form), "invalid_client")


@pytest.mark.req("OA21-100")
@pytest.mark.parametrize("client_id", [WEB, CLI])
@pytest.mark.parametrize("end", ["user_revokes", "user_disabled", "client_disabled"])
async def test_refresh_needs_a_live_grant(h: Harbour, client_id: str, end: str) -> None:
    tokens = await h.tokens(client_id)
    client = await h.store.find_client(ISSUER, client_id)
    assert client is not None
    if end == "user_revokes":
        await h.issuer.cascade.end("user", h.user.user_id, reason="revoked_by_user")
    elif end == "user_disabled":
        assert await h.store.put_user(msgspec.structs.replace(h.user, status="disabled", version=2))
    else:
        assert await h.store.put_client(msgspec.structs.replace(client, status="disabled", version=client.version + 1))
    assert_error(await h.refresh(tokens["refresh_token"], client_id), "invalid_grant")
    assert not await active(h, tokens["access_token"])


@pytest.mark.req("OA21-101", "OA21-102")
@pytest.mark.parametrize("client_id", [CLI, SPA, WEB])
async def test_replay_ends_the_family(client_id: str) -> None:
    async with harbour(lifetimes=Lifetimes(refresh_overlap=0)) as h:
        first = await h.tokens(client_id)
        second = await next_of(h, first["refresh_token"], client_id)
        assert first["refresh_token"] != second["refresh_token"]
        assert_error(await h.refresh(first["refresh_token"], client_id), "invalid_grant")
        await assert_ended(h, client_id, first, second)


@pytest.mark.req("OA21-101", "OA21-102")
async def test_attacker_and_client_both_end_up_refused(h: Harbour) -> None:
    stolen = await h.tokens(CLI)
    by_attacker = await next_of(h, stolen["refresh_token"], CLI)
    again = await next_of(h, by_attacker["refresh_token"], CLI)
    # The client still has the old token and uses it, within the overlap: its successor was used, so it is a replay.
    assert_error(await h.refresh(stolen["refresh_token"], CLI), "invalid_grant")
    await assert_ended(h, CLI, stolen, by_attacker, again)


@pytest.mark.req("OA21-101")
@pytest.mark.parametrize("client_id", [CLI, WEB])
async def test_lost_answer_is_repeated_within_the_overlap(h: Harbour, client_id: str) -> None:
    first = await h.tokens(client_id)
    second = await next_of(h, first["refresh_token"], client_id)
    h.clock.advance(OVERLAP)
    repeated = await next_of(h, first["refresh_token"], client_id)
    # The same successor, never a second branch.
    assert repeated["refresh_token"] == second["refresh_token"]
    assert (await h.refresh(second["refresh_token"], client_id)).status == 200


@pytest.mark.req("OA21-101", "OA21-102")
async def test_repeating_does_not_stretch_the_overlap(h: Harbour) -> None:
    first = await h.tokens(CLI)
    second = await next_of(h, first["refresh_token"], CLI)
    h.clock.advance(OVERLAP - 1)
    await next_of(h, first["refresh_token"], CLI)
    h.clock.advance(2)
    assert_error(await h.refresh(first["refresh_token"], CLI), "invalid_grant")
    await assert_ended(h, CLI, first, second)


@pytest.mark.req("OA21-101", "OA21-102")
async def test_replay_after_the_overlap_ends_the_family(h: Harbour) -> None:
    first = await h.tokens(CLI)
    second = await next_of(h, first["refresh_token"], CLI)
    h.clock.advance(OVERLAP + 1)
    assert_error(await h.refresh(first["refresh_token"], CLI), "invalid_grant")
    await assert_ended(h, CLI, first, second)


@pytest.mark.req("OA21-101", "OA21-102")
async def test_a_grandparent_is_a_replay_however_recent(h: Harbour) -> None:
    first = await h.tokens(CLI)
    second = await next_of(h, first["refresh_token"], CLI)
    third = await next_of(h, second["refresh_token"], CLI)
    # The parent of the unused third is inside the overlap, the grandparent is not.
    assert (await next_of(h, second["refresh_token"], CLI))["refresh_token"] == third["refresh_token"]
    assert_error(await h.refresh(first["refresh_token"], CLI), "invalid_grant")
    await assert_ended(h, CLI, first, second, third)


@pytest.mark.req("OA21-101")
async def test_rotation_may_be_off_for_confidential_clients_only() -> None:
    async with harbour(clients=ClientDefaults(refresh_rotation=False)) as h:
        confidential, public = await h.tokens(WEB), await h.tokens(CLI)
        assert (await next_of(h, confidential["refresh_token"], WEB))["refresh_token"] == confidential["refresh_token"]
        assert (await next_of(h, public["refresh_token"], CLI))["refresh_token"] != public["refresh_token"]


@pytest.mark.req("OA21-103")
@pytest.mark.parametrize("scope", ["tides.write", "tides.read tides.write", "status", "unknown", "cranes.read"])
async def test_scope_outside_the_grant_is_refused(h: Harbour, scope: str) -> None:
    tokens = await h.tokens(scope="tides.read")
    assert_error(await h.refresh(tokens["refresh_token"], scope=scope), "invalid_scope")
    assert (await h.refresh(tokens["refresh_token"])).json["scope"] == "tides.read"


@pytest.mark.req("OA21-103", "OA21-104")
async def test_narrowing_is_for_one_access_token(h: Harbour) -> None:
    tokens = await h.tokens(scope="tides.read tides.write")
    narrowed = await h.refresh(tokens["refresh_token"], scope="tides.read")
    assert narrowed.json["scope"] == "tides.read"
    full = await h.refresh(narrowed.json["refresh_token"])
    assert set(full.json["scope"].split()) == {"tides.read", "tides.write"}
    assert (await h.refresh(full.json["refresh_token"], scope="tides.write")).json["scope"] == "tides.write"


@pytest.mark.req("OA21-106")
@pytest.mark.parametrize(("client_id", "idle"), [(CLI, DAY), (SPA, DAY), (WEB, 14 * DAY)])
async def test_unused_refresh_tokens_expire(h: Harbour, client_id: str, idle: int) -> None:
    tokens = await h.tokens(client_id)
    h.clock.advance(idle - 1)
    used = await h.refresh(tokens["refresh_token"], client_id)
    assert used.status == 200
    h.clock.advance(idle)
    assert_error(await h.refresh(used.json["refresh_token"], client_id), "invalid_grant")


@pytest.mark.req("OA21-106")
@pytest.mark.parametrize(("client_id", "step", "end"), [(CLI, DAY - 1, 7 * DAY), (WEB, 13 * DAY, 30 * DAY)])
async def test_use_never_moves_the_absolute_end(h: Harbour, client_id: str, step: int, end: int) -> None:
    begun = h.clock.now()
    refresh_token = (await h.tokens(client_id))["refresh_token"]
    while h.clock.now() + step < begun + end:
        h.clock.advance(step)
        refresh_token = (await next_of(h, refresh_token, client_id))["refresh_token"]
    h.clock.advance(begun + end - h.clock.now())
    assert_error(await h.refresh(refresh_token, client_id), "invalid_grant")


async def sign_out(h: Harbour, agent: UserAgent) -> None:
    form = form_of((await agent.get(h.url("sign_out"))).text)
    assert (await agent.post(form.action, form.hidden, {"origin": ISSUER})).status == 303


@pytest.mark.req("OA21-107")
@pytest.mark.parametrize(
    ("policy", "ended"),
    [("none", {WEB: False, SPA: False}), ("public", {WEB: False, SPA: True}), ("all", {WEB: True, SPA: True})],
)
async def test_sign_out_ends_refresh_tokens_by_policy(policy: Any, ended: dict[str, bool]) -> None:
    async with harbour(sessions=SessionSettings(end_grants_on_sign_out=policy)) as h:
        agent, elsewhere = h.agent(), h.agent()
        here = {client: (await h.redeem(await h.code(agent, client), client)).json for client in ended}
        there = {client: (await h.redeem(await h.code(elsewhere, client), client)).json for client in ended}
        await sign_out(h, agent)
        for client_id, gone in ended.items():
            answer = await h.refresh(here[client_id]["refresh_token"], client_id)
            assert answer.status == (400 if gone else 200), client_id
            # Another session's tokens are none of this sign-out's business.
            assert (await h.refresh(there[client_id]["refresh_token"], client_id)).status == 200


@pytest.mark.req("OA21-108")
async def test_altered_refresh_tokens_are_refused(h: Harbour) -> None:
    token = (await h.tokens(CLI))["refresh_token"]
    for position, character in enumerate(token):
        for other in (set("AQgw_-z9") - {character}, set(string.ascii_letters) - {character})[position % 2]:
            altered = token[:position] + other + token[position + 1 :]
            assert_error(await h.refresh(altered, CLI), "invalid_grant")
    for altered in (token + "=", token + "A", token[:-1], token.swapcase(), "x" * len(token)):
        assert_error(await h.refresh(altered, CLI), "invalid_grant")
    assert (await h.refresh(token, CLI)).status == 200
