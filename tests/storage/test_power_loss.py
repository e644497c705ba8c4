"""Power loss: a file layer forgets what was not synced; what was acknowledged must be there, nothing works twice."""

import asyncio
from pathlib import Path
from typing import Any, cast

import apsw
import pytest
from tests.storage.layers import PowerLayer
from tests.storage.samples import CODE, ISSUER, NOW, a_family, a_pending_grant, furnish

from grantd.storage.sqlite import SqliteStore

pytestmark = pytest.mark.anyio
COUNT = 400


async def run_until_power_loss(database: Path, after: Path, *, synchronous: str) -> tuple[set[str], set[str]]:
    """Return the grants that were acknowledged as inserted and as redeemed before the loss."""
    layer = PowerLayer(f"power-{synchronous}")
    store = SqliteStore(str(database), synchronous=cast("Any", synchronous), group_size=16, vfs=layer.name)
    await furnish(store)
    inserted: set[str] = set()
    redeemed: set[str] = set()
    lost: list[tuple[set[str], set[str]]] = []

    async def flow(number: int) -> None:
        grant = a_pending_grant(f"grant-{number}")
        await store.insert_grant(grant)
        inserted.add(grant.grant_id)
        family = a_family(grant.grant_id, f"family-{number}")
        assert await store.redeem_code(ISSUER, grant.grant_id, CODE, now=NOW, expires_at=None, family=family)
        redeemed.add(grant.grant_id)
        if len(redeemed) == COUNT // 2:
            lost.append((set(inserted), set(redeemed)))  # first what we know, then what the disk has
            layer.lose_power(after)

    limit = asyncio.Semaphore(40)

    async def limited(number: int) -> None:
        async with limit:
            await flow(number)

    await asyncio.gather(*(limited(number) for number in range(COUNT)))
    await store.close()
    return lost[0]


async def missing_after(after: Path, name: str, inserted: set[str], redeemed: set[str]) -> tuple[set[str], set[str]]:
    """Return the acknowledged grants that are gone, and those whose redeemed code works again."""
    store = SqliteStore(str(after / name))
    try:
        assert apsw.Connection(str(after / name)).pragma("integrity_check") == "ok"
        gone = {grant_id for grant_id in inserted if await store.find_grant(ISSUER, grant_id) is None}
        again = {
            grant_id
            for grant_id in redeemed
            if await store.redeem_code(ISSUER, grant_id, CODE, now=NOW, expires_at=None, family=None)
        }
        families = [await store.find_family(ISSUER, g.replace("grant", "family")) for g in redeemed - gone]
        assert all(view is not None for view in families)
    finally:
        await store.close()
    return gone, again


@pytest.mark.parametrize("synchronous", ["full", "off"])
async def test_acknowledged_means_on_disk(database: Path, tmp_path: Path, synchronous: str) -> None:
    after = tmp_path / "after"
    after.mkdir()
    inserted, redeemed = await run_until_power_loss(database, after, synchronous=synchronous)
    assert len(redeemed) == COUNT // 2
    gone, again = await missing_after(after, database.name, inserted, redeemed)
    if synchronous == "full":
        assert (gone, again) == (set(), set())
    else:
        assert gone, "the layer must be able to lose what was not synced"
