"""Several processes on one file, and processes that die."""

import asyncio
import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.storage.samples import CODE, ISSUER, NOW, a_family, a_grant, a_pending_grant, a_record, furnish

from grantd.storage.sqlite import SqliteStore

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


async def start(database: Path, work: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.storage.crash_worker",
        str(database),
        work,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        cwd=ROOT,
        limit=2**24,
    )


async def test_kill_loses_nothing_acknowledged(database: Path) -> None:
    store = SqliteStore(str(database))
    await furnish(store)
    process = await start(database, "load")
    assert process.stdout is not None
    lines = [await process.stdout.readline() for _ in range(1500)]
    process.kill()
    lines += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    told = {tuple(line.decode().split()) for line in lines if line.endswith(b"\n")}
    assert len(told) >= 1500
    again = SqliteStore(str(database))
    for what, number in told:
        view = await again.find_grant(ISSUER, f"g{number}")
        assert view is not None
        if what == "redeemed":
            assert view.live
            assert await again.find_family(ISSUER, f"f{number}") is not None
            assert not await again.redeem_code(ISSUER, f"g{number}", CODE, now=NOW, expires_at=None, family=None)
        elif what == "rotated":
            assert not await again.rotate_family(ISSUER, f"f{number}", counter=0, now=NOW, idle_expires_at=NOW + 9)
        elif what == "revoked":
            assert (await again.token_state(ISSUER, f"g{number}", f"j{number}")).revoked
    assert {what for what, _ in told} == {"inserted", "redeemed", "rotated", "revoked"}
    await again.close()
    await store.close()


async def test_processes_that_claim_the_same_things(database: Path) -> None:
    store = SqliteStore(str(database))
    await furnish(store)
    for number in range(40):
        await store.insert_grant(a_pending_grant(f"g{number}"))
        await store.insert_record(a_record(f"k{number}", kind="prepared"))
    await store.insert_grant(a_grant("shared"))
    await store.insert_family(a_family("shared", "shared"))
    processes = [await start(database, "race") for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0, 0, 0]
    won = Counter(tuple(line.split()) for output, _ in outputs for line in output.decode().splitlines())
    assert set(won.values()) == {1}
    kinds = Counter(what for what, _ in won)
    assert kinds["redeemed"] == kinds["inserted"] == kinds["taken"] == 40
    view = await store.find_family(ISSUER, "shared")
    assert view is not None
    assert view.family.counter == kinds["rotated"] > 0
    await store.close()
