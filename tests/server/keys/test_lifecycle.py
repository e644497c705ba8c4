import json
import time
from collections import defaultdict

import pytest
from msgspec.structs import replace
from tests.server.keys.fakes import ISSUER, SEALER, TOKEN_LIFETIME, MemoryKeys, lifecycle, ring

from grantd.core.clock import ManualClock, SystemClock
from grantd.jose import KeySet, SigningKey
from grantd.server.keys import KeyLifecycle
from grantd.server.keys.keyring import may_sign
from grantd.server.keys.lifecycle import MARGIN, Create, Delete, KeyChangeConflictError, Replace, plan
from grantd.server.settings.model import KeySettings
from grantd.storage.records import SigningKeyRecord

pytestmark = pytest.mark.anyio

SETTINGS = KeySettings(algorithms=("ES256", "EdDSA"))
ONE = KeySettings(algorithms=("ES256",))
T = 1_773_640_800
DAY = 86_400


def record(kid: str, activate_at: int = T, **changes: int | None) -> SigningKeyRecord:
    blank = SigningKeyRecord(
        issuer=ISSUER,
        kid=kid,
        alg="ES256",
        public_jwk={},
        sealed_private_key=b"s",
        created_at=T,
        activate_at=activate_at,
    )
    return replace(blank, **changes)


def test_the_first_key_activates_at_once() -> None:
    assert plan((), SETTINGS, T, 300) == [Create("ES256", T), Create("EdDSA", T)]


def test_nothing_is_due_between_rotations() -> None:
    assert plan((record("a"),), ONE, T + ONE.rotate_seconds - ONE.publish_seconds - 1, 300) == []


def test_the_successor_is_published_before_it_signs_also_when_the_plan_runs_late() -> None:
    due = T + ONE.rotate_seconds
    assert plan((record("a"),), ONE, due - ONE.publish_seconds, 300) == [Create("ES256", due)]
    late = due + 100 * DAY
    assert plan((record("a"),), ONE, late, 300) == [Create("ES256", late + ONE.publish_seconds)]


def test_the_predecessor_retires_when_the_successor_activates_and_outlives_its_last_token() -> None:
    (action,) = plan((record("a"), record("b", T + 700)), ONE, T + 100, 300)
    assert isinstance(action, Replace)
    assert action.record == record("a", retire_at=T + 700, expires_at=T + 700 + 300 + MARGIN, version=2)


def test_a_retired_key_loses_its_private_part_then_its_place() -> None:
    retired = record("a", retire_at=T + 700, expires_at=T + 2000)
    others = (record("b", T + 700),)
    assert plan((retired, *others), ONE, T + 700 + MARGIN - 1, 300) == []
    (action,) = plan((retired, *others), ONE, T + 700 + MARGIN, 300)
    assert isinstance(action, Replace)
    assert action.record.sealed_private_key == b""
    assert plan((retired, *others), ONE, T + 2000, 300) == [Delete("a")]


def test_longer_token_lifetimes_keep_a_retiring_key_longer_and_shorter_ones_do_not_shorten() -> None:
    retiring = record("a", retire_at=T + 700, expires_at=T + 700 + 300 + MARGIN)
    others = (record("b", T + 700),)
    (action,) = plan((retiring, *others), ONE, T + 100, 4000)
    assert isinstance(action, Replace)
    assert action.record.expires_at == T + 700 + 4000 + MARGIN
    assert plan((retiring, *others), ONE, T + 100, 60) == []


def test_keys_of_algorithms_no_longer_configured_retire() -> None:
    (action,) = plan((record("a"), replace(record("e"), alg="EdDSA")), ONE, T + 5, 300)
    assert isinstance(action, Replace)
    assert (action.record.kid, action.record.retire_at) == ("e", T + 5)


def test_a_key_stays_when_its_successor_was_revoked_before_its_time() -> None:
    retiring = record("a", retire_at=T + 700, expires_at=T + 2000)
    actions = plan((retiring, record("b", T + 700, revoked_at=T + 9, expires_at=T + 99)), ONE, T + 10, 300)
    assert actions == [Replace(record("a", version=2))]


async def _year(settings: KeySettings, step: int) -> tuple[MemoryKeys, dict[str, set[str]]]:
    """Run a year of upkeep; check at every moment; return the store and the kids that signed, by algorithm."""
    store, clock = MemoryKeys(), ManualClock(T)
    keys = lifecycle(store, clock, settings)
    keyring = ring(await keys.ensure_all(), clock, settings)
    published_since: dict[str, int] = {}
    first = {keyring.signer(alg).kid for alg in settings.algorithms}
    signed: dict[str, set[str]] = defaultdict(set)
    last_token: dict[str, int] = {}
    for moment in range(T, T + 366 * DAY, step):
        clock.advance(moment - clock.now())
        keyring.update(await keys.maintain())
        jwks = {jwk["kid"] for jwk in json.loads(keyring.jwks)["keys"]}
        for kid in jwks:
            published_since.setdefault(kid, moment)
        records = await store.list_keys(ISSUER)
        for alg in settings.algorithms:
            active = [one.kid for one in records if one.alg == alg and may_sign(one, moment)]
            assert active == [keyring.signer(alg).kid]
            kid = active[0]
            assert kid in first or moment - published_since[kid] >= settings.publish_seconds
            signed[alg].add(kid)
            last_token[kid] = moment + TOKEN_LIFETIME
        for kid, expiry in last_token.items():
            if moment < expiry:
                assert kid in jwks
        for one in records:
            assert one.expires_at is None or one.expires_at > moment
        assert len(KeySet.from_jwks(keyring.jwks, strict=True).keys) == len(jwks)
    return store, signed


async def test_a_year_of_rotations_by_the_hour() -> None:
    settings = replace(SETTINGS, rotate_seconds=30 * DAY, publish_seconds=7_200)
    store, signed = await _year(settings, 3_600)
    assert {alg: len(kids) for alg, kids in signed.items()} == {"ES256": 13, "EdDSA": 13}
    assert len(store.rows) <= 4


async def test_a_year_of_rotations_with_upkeep_every_week_only() -> None:
    _, signed = await _year(replace(ONE, rotate_seconds=30 * DAY), 7 * DAY)
    assert len(signed["ES256"]) >= 10


async def test_upkeep_writes_nothing_when_nothing_is_due() -> None:
    store, clock = MemoryKeys(), ManualClock(T)
    keys = lifecycle(store, clock, SETTINGS)
    await keys.ensure_all()
    writes = store.writes
    clock.advance(DAY)
    await keys.maintain()
    assert store.writes == writes == 2


async def test_ensure_default_makes_the_default_key_only_and_once() -> None:
    store, clock = MemoryKeys(), ManualClock(T)
    keys = lifecycle(store, clock, KeySettings())
    (first,) = await keys.ensure_default()
    assert first.alg == "ES256"
    assert await keys.ensure_default() == (first,)
    both = await keys.ensure_all()
    assert sorted(one.alg for one in both) == ["ES256", "RS256"]
    assert ring(both, clock, KeySettings()).algorithms == ("ES256", "RS256")


async def test_fifty_issuers_are_ready_in_time() -> None:
    store = MemoryKeys()
    begin = time.perf_counter()
    for number in range(50):
        keys = KeyLifecycle(
            f"https://{number}.example",
            store=store,
            sealer=SEALER,
            settings=KeySettings(),
            clock=SystemClock(),
            longest_token_lifetime=300,
        )
        assert len(await keys.ensure_default()) == 1
    assert time.perf_counter() - begin < 1.0


async def test_two_nodes_at_once_leave_one_signer() -> None:
    store, clock = MemoryKeys(), ManualClock(T)
    one, two = lifecycle(store, clock, ONE), lifecycle(store, clock, ONE)

    async def other_node(_: SigningKeyRecord) -> None:
        await two.ensure_all()

    store.before_put = other_node
    records = await one.ensure_all()
    assert len(records) == 2
    assert [may_sign(record, T) for record in records].count(True) == 1
    clock.advance(DAY)
    assert len(await one.maintain()) == 1


async def test_revoking_the_signing_key_replaces_it_at_once() -> None:
    store, clock = MemoryKeys(), ManualClock(T)
    keys = lifecycle(store, clock, ONE)
    keyring = ring(await keys.ensure_all(), clock, ONE)
    bad = keyring.signer().kid
    clock.advance(100)
    keyring.update(await keys.revoke(bad))
    assert keyring.signer().kid != bad
    assert keyring.verification_key(bad) is None
    assert bad.encode() not in keyring.jwks
    assert store.rows[ISSUER, bad].sealed_private_key == b""
    assert len(await keys.revoke(bad)) == 2
    clock.advance(TOKEN_LIFETIME + MARGIN)
    assert bad not in {record.kid for record in await keys.maintain()}


async def test_revoking_the_waiting_successor_keeps_the_signer_and_publishes_another() -> None:
    store, clock = MemoryKeys(), ManualClock(T)
    keys = lifecycle(store, clock, ONE)
    await keys.ensure_all()
    clock.advance(ONE.rotate_seconds - 300)
    records = await keys.maintain()
    waiting = max(records, key=lambda record: record.activate_at)
    signer = ring(records, clock, ONE).signer().kid
    keyring = ring(await keys.revoke(waiting.kid), clock, ONE)
    assert keyring.signer().kid == signer
    successor = max((r for r in keyring.records if r.revoked_at is None), key=lambda record: record.activate_at)
    assert successor.activate_at >= clock.now() + ONE.publish_seconds
    for _ in range(20):
        clock.advance(60)
        keyring.update(await keys.maintain())
        assert keyring.signer().kid in {signer, successor.kid}
    assert keyring.signer().kid == successor.kid


async def test_revoking_a_signer_while_its_successor_waits_leaves_no_gap() -> None:
    store, clock = MemoryKeys(), ManualClock(T)
    keys = lifecycle(store, clock, ONE)
    first = (await keys.ensure_all())[0].kid
    clock.advance(ONE.rotate_seconds - 300)
    await keys.maintain()
    keyring = ring(await keys.revoke(first), clock, ONE)
    for _ in range(20):
        assert keyring.signer().kid != first
        clock.advance(60)
        keyring.update(await keys.maintain())


async def test_revocation_wins_over_concurrent_changes_or_says_so() -> None:
    store, clock = MemoryKeys(), ManualClock(T)
    keys = lifecycle(store, clock, ONE)
    kid = (await keys.ensure_all())[0].kid

    async def touch(_: SigningKeyRecord) -> None:
        row = store.rows[ISSUER, kid]
        store.rows[ISSUER, kid] = replace(row, version=row.version + 1)

    store.before_put = touch
    await keys.revoke(kid)
    assert store.rows[ISSUER, kid].revoked_at == T
    with pytest.raises(LookupError):
        await keys.revoke("unknown")
    live = next(row.kid for row in store.rows.values() if row.revoked_at is None)

    async def refuse(key: SigningKeyRecord) -> bool:
        return key.version == 1

    store.put_key = refuse  # type: ignore[method-assign]  # a store in which others are always first
    with pytest.raises(KeyChangeConflictError):
        await keys.revoke(live)


async def test_private_keys_are_sealed_at_rest() -> None:
    store = MemoryKeys()
    (row,) = await lifecycle(store, ManualClock(T), ONE).ensure_all()
    der = SEALER.open(f"signing-key:{ISSUER}:{row.kid}", row.sealed_private_key)
    assert SigningKey.from_der(der, kid=row.kid, alg="ES256").public_jwk == row.public_jwk
    assert der not in row.sealed_private_key
    assert "d" not in row.public_jwk
