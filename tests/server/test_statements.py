"""How many statements a flow costs, counted at the driver. Batching does not reduce the count."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.harness import CLI, SERVICE, WEB, Harbour, harbour

from grantd.storage.sqlite import SqliteStore

pytestmark = pytest.mark.anyio


@dataclass
class Cost:
    reads: int = 0
    writes: int = 0


class Counted:
    """A harbour on SQLite in which nothing but requests uses the database."""

    def __init__(self, h: Harbour) -> None:
        assert isinstance(h.store, SqliteStore)
        self.h = h
        self._statements = h.store._engine.statements

    @contextmanager
    def cost(self) -> Iterator[Cost]:
        found = Cost()
        reads, writes = self._statements.reads, self._statements.writes
        yield found
        found.reads, found.writes = self._statements.reads - reads, self._statements.writes - writes


@asynccontextmanager
async def counted(path: Path) -> AsyncIterator[Counted]:
    async with harbour("sqlite", path=path) as h:
        # The audit log and the upkeep work in the background and are not part of a flow; they stand still here.
        upkeep = h.server._upkeep
        assert upkeep is not None
        await upkeep.stop()
        await h.deployment.neighbours.audit.close()
        yield Counted(h)


async def warm(h: Harbour, client_id: str) -> None:
    """Let caches hold what they hold in a running server: the client, never a verdict."""
    await h.issuer.clients.find(client_id)


async def test_client_credentials(tmp_path: Path) -> None:
    async with counted(tmp_path) as c:
        h = c.h
        await warm(h, SERVICE)
        with c.cost() as cost:
            assert (await h.client_credentials()).status == 200
        # The harness reads the client once to know its method.
        assert cost.reads - 1 == 1
        # The standing grant.
        assert cost.writes == 1
        for _ in range(3):
            with c.cost() as cost:
                assert (await h.client_credentials()).status == 200
            assert (cost.reads - 1, cost.writes) == (1, 0)


@pytest.mark.parametrize("client_id", [WEB, CLI])
async def test_code_flow_with_a_live_session(tmp_path: Path, client_id: str) -> None:
    async with counted(tmp_path) as c:
        h = c.h
        await h.change_client(client_id, first_party=True, skip_consent=True)
        agent = h.agent()
        await h.code(agent, client_id)
        with c.cost() as cost:
            answer = await h.authorize(agent, client_id)
            assert answer.status == 303
            code = answer.query["code"]
            assert (await h.redeem(code, client_id)).status == 200
        # Session with consent, grant, its view, the claim, the family.
        assert cost.reads - 1 == 2
        assert cost.writes == 3
        assert cost.reads - 1 + cost.writes <= 5


async def test_refresh(tmp_path: Path) -> None:
    async with counted(tmp_path) as c:
        h = c.h
        tokens = await h.tokens()
        for _ in range(3):
            with c.cost() as cost:
                answer = await h.refresh(tokens["refresh_token"])
            tokens = answer.json
            assert (cost.reads - 1, cost.writes) == (1, 1)


async def test_introspection_and_revocation(tmp_path: Path) -> None:
    async with counted(tmp_path) as c:
        h = c.h
        tokens = await h.tokens()
        for _ in range(2):
            with c.cost() as cost:
                assert (await h.introspect(tokens["access_token"]))["active"]
            assert (cost.reads, cost.writes) == (1, 0)
        with c.cost() as cost:
            assert not (await h.introspect("x"))["active"]
        assert (cost.reads, cost.writes) == (0, 0)
        with c.cost() as cost:
            assert (await h.revoke(tokens["access_token"])).status == 200
        assert (cost.reads - 1, cost.writes) == (1, 1)


async def test_refusals_write_nothing(tmp_path: Path) -> None:
    async with counted(tmp_path) as c:
        h = c.h
        code = await h.code()
        tokens = await h.tokens()
        with c.cost() as cost:
            assert (await h.redeem(code, code_verifier="x" * 43)).status == 400
            assert (await h.redeem("x" * 65)).status == 400
            assert (await h.refresh(tokens["refresh_token"], scope="unknown")).status == 400
            assert (await h.client_credentials(client_secret="wrong")).status == 400
        assert cost.writes == 0


async def test_documents_touch_no_database(tmp_path: Path) -> None:
    async with counted(tmp_path) as c:
        with c.cost() as cost:
            for name in ("metadata", "jwks"):
                assert (await c.h.agent().get(c.h.url(name))).status == 200
        assert (cost.reads, cost.writes) == (0, 0)
