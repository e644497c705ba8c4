"""OAuth 2.1 section 4.1.3: redeeming a code."""

import asyncio
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from tests.support.asgi import Answer
from tests.support.harness import (
    CLI,
    ISSUER,
    SPA,
    TIDES,
    VERIFIER,
    WEB,
    WEB_REDIRECT,
    Harbour,
    basic,
    harbour,
    pairs,
)
from tests.support.independent import assert_error

from grantd.core.random import random_id
from grantd.server.pipeline.tokens import new_code
from grantd.storage.records import ClientMetadata, Grant

pytestmark = pytest.mark.anyio

OTHER = "fleet-web-8"
OTHER_CLIENT = ClientMetadata(redirect_uris=(WEB_REDIRECT,), grant_types=("authorization_code", "refresh_token"))


async def active(h: Harbour, token: str) -> bool:
    return bool((await h.introspect(token))["active"])


async def redeem_raw(h: Harbour, code: str, headers: dict[str, str], **form: Any) -> Answer:
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, **form}
    return await h.agent().post(h.url("token"), pairs(fields), headers)


@pytest.mark.req("OA21-089")
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_concurrent_redemptions_yield_one_success(kind: Literal["memory", "sqlite"], tmp_path: Path) -> None:
    async with harbour(kind, path=tmp_path) as h:
        code = await h.code()
        answers = await asyncio.gather(*(h.redeem(code) for _ in range(20)))
        assert sorted(answer.status for answer in answers) == [200] + [400] * 19
        assert {answer.json["error"] for answer in answers if answer.status == 400} == {"invalid_grant"}


@pytest.mark.req("OA21-090")
@pytest.mark.parametrize("client_id", [WEB, CLI, SPA])
async def test_second_redemption_is_refused_and_ends_the_first(h: Harbour, client_id: str) -> None:
    code = await h.code(client_id=client_id)
    first = (await h.redeem(code, client_id)).json
    refreshed = (await h.refresh(first["refresh_token"], client_id)).json
    assert await active(h, first["access_token"])
    assert_error(await h.redeem(code, client_id), "invalid_grant")
    assert not await active(h, first["access_token"])
    assert not await active(h, refreshed["access_token"])
    assert_error(await h.refresh(refreshed["refresh_token"], client_id), "invalid_grant")


@pytest.mark.req("OA21-090")
async def test_replay_long_after_the_code_expired_still_ends_the_first(h: Harbour) -> None:
    code = await h.code()
    first = (await h.redeem(code)).json
    h.clock.advance(120)
    assert_error(await h.redeem(code), "invalid_grant")
    assert not await active(h, first["access_token"])


@pytest.mark.req("OA21-091")
@pytest.mark.parametrize(
    ("headers", "form"),
    [
        (basic(WEB), {"code_verifier": VERIFIER[:-1] + "z"}),
        (basic(WEB), {"code_verifier": None}),
        (basic(WEB), {"redirect_uri": "https://fleet.example/other"}),
        (basic(WEB, "wrong"), {}),
        ({}, {"client_id": WEB}),
        (basic(OTHER), {}),
        ({}, {"client_id": CLI}),
    ],
)
async def test_invalid_replay_leaves_the_first_token(h: Harbour, headers: dict[str, str], form: dict[str, Any]) -> None:
    await h.put_client(OTHER, OTHER_CLIENT)
    code = await h.code()
    first = (await h.redeem(code)).json
    replay = await redeem_raw(h, code, headers, **form)
    assert replay.status in {400, 401}
    assert await active(h, first["access_token"])
    assert (await h.refresh(first["refresh_token"])).status == 200


@pytest.mark.req("OA21-091")
async def test_replay_with_a_wrong_secret_part_leaves_the_first_token(h: Harbour) -> None:
    code = await h.code()
    first = (await h.redeem(code)).json
    altered = code[:-1] + ("A" if code[-1] != "A" else "B")
    assert_error(await h.redeem(altered), "invalid_grant")
    assert await active(h, first["access_token"])


@pytest.mark.req("OA21-092")
@pytest.mark.parametrize(
    ("owner", "headers", "form"),
    [
        (WEB, basic(OTHER), {}),
        (WEB, {}, {"client_id": CLI}),
        (CLI, {}, {"client_id": SPA}),
        (CLI, basic(WEB), {}),
    ],
)
async def test_code_of_another_client_is_refused(
    h: Harbour, owner: str, headers: dict[str, str], form: dict[str, str]
) -> None:
    await h.put_client(OTHER, OTHER_CLIENT)
    code = await h.code(client_id=owner)
    assert_error(await redeem_raw(h, code, headers, **form), "invalid_grant")
    assert (await h.redeem(code, owner)).status == 200


@pytest.mark.req("OA21-093", "OA21-094")
@pytest.mark.parametrize(
    "verifier",
    [
        None,
        "",
        "x" * 43,
        VERIFIER[1:] + VERIFIER[0],
        VERIFIER.swapcase(),
        VERIFIER + "A",
        VERIFIER[:-1],
        f" {VERIFIER}",
        "W6jCRAXvlQ_vh6HMypIqozKqmUaFtXwUhAaOdTKlYKs",  # the challenge itself, which many have seen
        "ü" * 43,
    ],
)
async def test_missing_and_wrong_verifiers_are_invalid_grant(h: Harbour, verifier: str | None) -> None:
    code = await h.code()
    assert_error(await h.redeem(code, code_verifier=verifier), "invalid_grant")
    assert (await h.redeem(code)).status == 200


@pytest.mark.req("OA21-094")
async def test_one_changed_character_is_enough(h: Harbour) -> None:
    code = await h.code()
    for position, character in enumerate(VERIFIER):
        changed = VERIFIER[:position] + ("a" if character != "a" else "b") + VERIFIER[position + 1 :]
        assert_error(await h.redeem(code, code_verifier=changed), "invalid_grant")
    assert (await h.redeem(code)).status == 200


async def code_without_challenge(h: Harbour) -> str:
    """Put a code into the store that the authorization endpoint would never give."""
    grant_id = random_id()
    code, code_hash = new_code(grant_id)
    now = h.clock.now()
    grant = Grant(
        issuer=ISSUER,
        grant_id=grant_id,
        grant_type="authorization_code",
        client_id=WEB,
        subject=h.user.user_id,
        user_id=h.user.user_id,
        status="pending",
        scopes=("tides.read",),
        resources=(TIDES,),
        redirect_uri=WEB_REDIRECT,
        code_hash=code_hash,
        code_expires_at=now + 60,
        created_at=now,
        expires_at=now + 60,
    )
    await h.store.insert_grant(grant)
    return code


@pytest.mark.req("OA21-093")
async def test_surplus_verifier_is_invalid_request(h: Harbour) -> None:
    assert_error(await h.redeem(await code_without_challenge(h)), "invalid_request")


@pytest.mark.req("OA21-095")
async def test_code_without_challenge_is_worth_nothing(h: Harbour) -> None:
    assert_error(await h.redeem(await code_without_challenge(h), code_verifier=None), "invalid_grant")


@pytest.mark.req("OA21-095")
@pytest.mark.parametrize("client_id", [WEB, CLI, SPA])
async def test_no_client_gets_a_code_without_challenge(h: Harbour, client_id: str) -> None:
    answer = await h.code_answer(h.agent(), client_id, code_challenge=None, code_challenge_method=None)
    assert "code" not in answer.query
    assert answer.query["error"] == "invalid_request"


@pytest.mark.req("OA21-096")
@pytest.mark.parametrize("sent_before", [True, False])
@pytest.mark.parametrize(
    ("presented", "status"),
    [
        (WEB_REDIRECT, 200),
        (None, 200),
        (WEB_REDIRECT + "/", 400),
        (WEB_REDIRECT.upper(), 400),
        ("https://fleet.example/other", 400),
    ],
)
async def test_redirect_uri_is_enforced_when_it_is_sent(
    h: Harbour, presented: str | None, status: int, *, sent_before: bool
) -> None:
    code = await h.code(redirect_uri=WEB_REDIRECT if sent_before else None)
    answer = await h.redeem(code, redirect_uri=presented)
    assert answer.status == status
    if status == 400:
        assert_error(answer, "invalid_grant")
        assert (await h.redeem(code)).status == 200


@pytest.mark.req("OA21-096")
async def test_redirect_uri_of_a_loopback_client_includes_the_port(h: Harbour) -> None:
    used = "http://127.0.0.1:49231/callback"
    code = await h.code(client_id=CLI, redirect_uri=used)
    assert_error(await h.redeem(code, CLI, redirect_uri="http://127.0.0.1/callback"), "invalid_grant")
    assert (await h.redeem(code, CLI, redirect_uri=used)).status == 200


@pytest.mark.req("OA21-092")
@pytest.mark.parametrize("who", ["user", "client"])
async def test_code_of_a_disabled_party_is_refused(h: Harbour, who: str) -> None:
    code = await h.code(client_id=CLI)
    if who == "user":
        disabled = msgspec.structs.replace(h.user, status="disabled", version=h.user.version + 1)
        assert await h.store.put_user(disabled)
    else:
        client = await h.store.find_client(ISSUER, CLI)
        assert client is not None
        # The directory's cache still has the active record; the store decides.
        await h.issuer.clients.find(CLI)
        assert await h.store.put_client(msgspec.structs.replace(client, status="disabled", version=client.version + 1))
    assert_error(await h.redeem(code, CLI), "invalid_grant")
