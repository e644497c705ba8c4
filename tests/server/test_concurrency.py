"""Single use under real concurrency: two hundred at once, on both stores."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.support.asgi import Answer
from tests.support.harness import CLI, WEB, Harbour, harbour

from grantd.server.settings import Lifetimes

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["memory", "sqlite"])]

MANY = 200
Kind = Literal["memory", "sqlite"]


@asynccontextmanager
async def crowded(kind: Kind, path: Path, **settings: Any) -> AsyncIterator[Harbour]:
    """A server whose requests overtake each other: every read of the store lets all others go on."""
    async with harbour(kind, path=path, **settings) as h:
        for name in ("find_grant", "find_family", "find_standing_grant"):
            setattr(h.store, name, overtaken(getattr(h.store, name)))
        yield h


def overtaken(read: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def read_and_wait(*arguments: Any) -> Any:
        found = await read(*arguments)
        await asyncio.sleep(0)
        return found

    return read_and_wait


def outcomes(answers: list[Answer]) -> Counter[str]:
    return Counter("success" if answer.status == 200 else answer.json["error"] for answer in answers)


async def active(h: Harbour, token: str) -> bool:
    return bool((await h.introspect(token))["active"])


@pytest.mark.req("OA21-089", "OA21-090")
@pytest.mark.parametrize("client_id", [WEB, CLI])
async def test_one_code(kind: Kind, tmp_path: Path, client_id: str) -> None:
    async with crowded(kind, tmp_path) as h:
        code = await h.code(client_id=client_id)
        answers = await asyncio.gather(*(h.redeem(code, client_id) for _ in range(MANY)))
        assert outcomes(answers) == {"success": 1, "invalid_grant": MANY - 1}
        # The others were replays with every proof: what the winner got is over.
        won = next(answer for answer in answers if answer.status == 200).json
        assert not await active(h, won["access_token"])
        assert (await h.refresh(won["refresh_token"], client_id)).status == 400


@pytest.mark.req("OA21-101", "OA21-102")
async def test_one_refresh_token_with_overlap(kind: Kind, tmp_path: Path) -> None:
    async with crowded(kind, tmp_path) as h:
        token = (await h.tokens(CLI))["refresh_token"]
        answers = await asyncio.gather(*(h.refresh(token, CLI) for _ in range(MANY)))
        assert outcomes(answers).keys() <= {"success", "invalid_grant"}
        successors = {answer.json["refresh_token"] for answer in answers if answer.status == 200}
        # One rotation, and everybody who was answered holds that same successor.
        assert len(successors) == 1
        successor = successors.pop()
        assert successor != token
        live = await h.refresh(successor, CLI)
        assert live.status == 200
        # Now the first token is older than the direct predecessor: exactly one member was live.
        assert (await h.refresh(token, CLI)).json["error"] == "invalid_grant"
        assert (await h.refresh(live.json["refresh_token"], CLI)).json["error"] == "invalid_grant"


@pytest.mark.req("OA21-101", "OA21-102")
async def test_one_refresh_token_without_overlap(kind: Kind, tmp_path: Path) -> None:
    async with crowded(kind, tmp_path, lifetimes=Lifetimes(refresh_overlap=0)) as h:
        token = (await h.tokens(CLI))["refresh_token"]
        answers = await asyncio.gather(*(h.refresh(token, CLI) for _ in range(MANY)))
        assert outcomes(answers) == {"success": 1, "invalid_grant": MANY - 1}
        won = next(answer for answer in answers if answer.status == 200).json
        # The others were replays, so the family is over.
        assert (await h.refresh(won["refresh_token"], CLI)).json["error"] == "invalid_grant"
        assert not await active(h, won["access_token"])


@pytest.mark.req("OA21-101")
async def test_refresh_against_revocation(kind: Kind, tmp_path: Path) -> None:
    """Whatever wins, once the revocation is acknowledged nothing of the grant works."""
    async with crowded(kind, tmp_path) as h:
        tokens = await h.tokens(CLI)
        token = tokens["refresh_token"]
        jobs = [h.refresh(token, CLI) for _ in range(20)]
        jobs.insert(10, h.revoke(token, CLI))
        answers = await asyncio.gather(*jobs)
        assert answers[10].status == 200
        handed_out = [answer.json for answer in answers if answer.status == 200 and answer.body]
        for each in [tokens, *handed_out]:
            assert not await active(h, each["access_token"])
            assert (await h.refresh(each["refresh_token"], CLI)).status == 400


async def test_first_use_of_client_credentials(kind: Kind, tmp_path: Path) -> None:
    """All requests of a client's first moment get tokens of one standing grant."""
    async with crowded(kind, tmp_path) as h:
        answers = await asyncio.gather(*(h.client_credentials() for _ in range(MANY)))
        assert outcomes(answers) == {"success": MANY}
        said = [await h.introspect(answer.json["access_token"], "rs-cranes") for answer in answers]
        assert all(each["active"] for each in said)
        assert len({each["jti"].partition(".")[0] for each in said}) == 1
