"""The sketch of a status list runs over HTTP."""

import asyncio
import zlib
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.extension_sketches import status_list
from tests.support.harness import Harbour, harbour

from grantd.jose.verify import decode
from grantd.server.catalogue import FEATURES
from grantd.server.upkeep import Upkeep

pytestmark = pytest.mark.anyio


@pytest.fixture
async def port() -> AsyncIterator[Harbour]:
    async with harbour(features=(*FEATURES, status_list.FEATURE), drafts={"status_list": "-20"}) as running:
        yield running


def status(token: str) -> Any:
    return decode(token).claims["status"]["status_list"]


async def value(port: Harbour, token: str) -> int:
    said = status(token)
    answer = await port.agent().get(said["uri"])
    assert answer.header("content-type") == "application/statuslist+jwt"
    listed = decode(answer.text)
    assert listed.header["typ"] == "statuslist+jwt"
    assert listed.claims["sub"] == said["uri"]
    text = listed.claims["status_list"]["lst"]
    bits = zlib.decompress(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    bit: int = bits[said["idx"] // 8] >> said["idx"] % 8 & 1
    return bit


async def test_every_token_has_an_index_of_its_own_also_under_load(port: Harbour) -> None:
    answers = await asyncio.gather(*(port.client_credentials() for _ in range(150)))
    indexes = [status(answer.json["access_token"])["idx"] for answer in answers]
    assert len(set(indexes)) == 150
    assert max(indexes) < 3 * status_list.BLOCK


async def test_one_revoked_token_is_invalid_and_its_neighbours_are_not(port: Harbour) -> None:
    tokens = await port.tokens()
    second = (await port.refresh(tokens["refresh_token"])).json
    assert await value(port, tokens["access_token"]) == 0
    await port.revoke(tokens["access_token"])
    assert await value(port, tokens["access_token"]) == 1
    assert await value(port, second["access_token"]) == 0


async def test_the_end_of_a_grant_ends_all_its_tokens(port: Harbour) -> None:
    tokens, stranger = await port.tokens(), await port.tokens()
    second = (await port.refresh(tokens["refresh_token"])).json
    await port.revoke(second["refresh_token"])
    assert [await value(port, one["access_token"]) for one in (tokens, second, stranger)] == [1, 1, 0]


async def test_the_job_finds_what_no_listener_heard(port: Harbour) -> None:
    token = (await port.tokens())["access_token"]
    claims = decode(token).claims
    await port.store.revoke_token(port.identifier, claims["jti"], expires_at=claims["exp"])
    assert await value(port, token) == 0
    assert await Upkeep(port.deployment).run_job(port.issuer, status_list.JOB)
    assert await value(port, token) == 1
