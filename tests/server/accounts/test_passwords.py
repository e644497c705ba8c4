import asyncio
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.core.errors import TemporarilyUnavailableError
from grantd.server.accounts.passwords import (
    MAX_PASSWORD_LENGTH,
    PasswordHasherPool,
    PasswordParameters,
    PasswordPolicyError,
    VerifyResult,
    prepare_new_password,
    prepare_password,
)

CHEAP = PasswordParameters(time_cost=1, memory_kib=64, parallelism=1)
pytestmark = pytest.mark.anyio


@pytest.fixture
def pool() -> Iterator[PasswordHasherPool]:
    made = PasswordHasherPool(workers=1, queue_limit=2, parameters=CHEAP)
    yield made
    made.close()


async def test_a_password_verifies(pool: PasswordHasherPool) -> None:
    encoded = await pool.hash("correct horse")
    assert encoded.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert await pool.verify(encoded, "correct horse") == VerifyResult(ok=True)
    assert await pool.verify(encoded, "correct horsf") == VerifyResult(ok=False)
    assert await pool.verify(encoded, "") == VerifyResult(ok=False)
    assert await pool.verify(encoded, "correct horse\x00") == VerifyResult(ok=False)
    assert await pool.hash("correct horse") != encoded


async def test_the_same_letters_typed_differently_are_the_same_password(pool: PasswordHasherPool) -> None:
    encoded = await pool.hash("Müßiggang\u00a0eins")
    assert (await pool.verify(encoded, "Mu\u0308ßiggang eins")).ok
    assert not (await pool.verify(encoded, "Mußiggang eins")).ok


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("", "fewer than 8"),
        ("seven77", "fewer than 8"),
        ("e\u0301" * 7, "fewer than 8"),
        ("x" * 1025, "more than 1024"),
        ("tab\tinside", "control"),
        ("nul\x00inside", "control"),
        ("half\ud800pair", "control"),
        ("\u0958" * 1024, "more than 1024"),
    ],
)
async def test_refuses_new_passwords_with_a_sentence(pool: PasswordHasherPool, password: str, says: str) -> None:
    with pytest.raises(PasswordPolicyError, match=says):
        await pool.hash(password)


async def test_eight_and_1024_characters_are_fine() -> None:
    assert prepare_new_password("eight888") == "eight888"
    assert len(prepare_new_password("x" * MAX_PASSWORD_LENGTH)) == MAX_PASSWORD_LENGTH


async def test_old_parameters_give_a_new_hash(pool: PasswordHasherPool) -> None:
    older = PasswordHasherPool(workers=1, parameters=PasswordParameters(time_cost=2, memory_kib=64, parallelism=1))
    encoded = await older.hash("correct horse")
    older.close()
    result = await pool.verify(encoded, "correct horse")
    assert result.ok
    assert result.rehash is not None
    assert result.rehash.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert (await pool.verify(encoded, "wrong horse")).rehash is None


@pytest.mark.req("OA21-137")
@pytest.mark.parametrize("encoded", ["", "x", "$argon2id$v=19$m=64,t=1,p=1$!!$!!", "$2b$12$abcdefghijklmnopqrstuv"])
async def test_every_refusal_costs_one_hash(
    pool: PasswordHasherPool, monkeypatch: pytest.MonkeyPatch, encoded: str
) -> None:
    seen: list[str] = []
    original = pool._matches

    def matches(stored: str, prepared: str) -> bool | None:
        seen.append(stored)
        return original(stored, prepared)

    monkeypatch.setattr(pool, "_matches", matches)
    assert await pool.verify(encoded, "correct horse") == VerifyResult(ok=False)
    assert seen[-1] == pool._dummy
    seen.clear()
    for password in ("correct horse", "", "x" * 5000, "\ud800"):
        assert await pool.verify_unknown(password) == VerifyResult(ok=False)
    assert seen == [pool._dummy] * 4


async def test_the_dummy_hash_is_a_real_one(pool: PasswordHasherPool) -> None:
    # Were it unreadable, argon2 would answer at once and tell that the user does not exist.
    assert pool._matches(pool._dummy, "whatever") is False


@pytest.mark.req("OA21-137")
async def test_a_full_pool_answers_503(pool: PasswordHasherPool) -> None:
    gate = threading.Event()
    waiting = [asyncio.ensure_future(pool._run(gate.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    assert pool.pending == 3
    with pytest.raises(TemporarilyUnavailableError) as caught:
        await pool.verify_unknown("x")
    assert caught.value.headers == [(b"retry-after", b"2")]
    assert caught.value.status == 503
    waiting[2].cancel()
    gate.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await pool.verify_unknown("x") == VerifyResult(ok=False)
    for _ in range(100):
        if pool.pending == 0:
            break
        await asyncio.sleep(0.01)
    assert pool.pending == 0


@given(st.text(max_size=30))
async def test_preparing_is_stable(password: str) -> None:
    prepared = prepare_password(password)
    if prepared is not None:
        assert prepare_password(prepared) == prepared
        prepared.encode()
