"""A process that the crash tests kill: ``PATH load`` writes and tells what was acknowledged, ``PATH race`` claims."""

import asyncio
import itertools
import sys

from tests.storage.samples import CODE, ISSUER, NOW, a_family, a_pending_grant, a_record

from grantd.storage.sqlite import SqliteStore


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def load(store: SqliteStore) -> None:
    """Until killed: code flows with a rotation and a revocation each, each step told once it is acknowledged."""
    numbers = itertools.count()

    async def flow() -> None:
        for number in numbers:
            await store.insert_grant(a_pending_grant(f"g{number}"))
            say("inserted", number)
            family = a_family(f"g{number}", f"f{number}")
            await store.redeem_code(ISSUER, f"g{number}", CODE, now=NOW, expires_at=None, family=family)
            say("redeemed", number)
            await store.rotate_family(ISSUER, f"f{number}", counter=0, now=NOW, idle_expires_at=NOW + 9)
            say("rotated", number)
            await store.revoke_token(ISSUER, f"j{number}", expires_at=NOW)
            say("revoked", number)

    await asyncio.gather(*(flow() for _ in range(32)))


async def race(store: SqliteStore) -> None:
    """Claim everything that others claim at the same time; tell what was won."""
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)

    async def claim(number: int) -> None:
        if await store.redeem_code(ISSUER, f"g{number}", CODE, now=NOW, expires_at=None, family=a_family(f"g{number}")):
            say("redeemed", number)
        if await store.rotate_family(ISSUER, "shared", counter=number, now=NOW, idle_expires_at=NOW + 9):
            say("rotated", number)
        if await store.insert_record(a_record(f"k{number}")):
            say("inserted", number)
        if await store.take_record(ISSUER, "prepared", f"k{number}", now=NOW):
            say("taken", number)

    for number in range(40):
        await asyncio.gather(*(claim(number) for _ in range(3)))


async def main(path: str, work: str) -> None:
    store = SqliteStore(path)
    await (load if work == "load" else race)(store)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
