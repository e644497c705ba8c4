"""The life of a signing key: created, published, active, retired, expired, deleted; or revoked in an emergency.

:func:`plan` is pure and looks at the records only, so that it finishes what an earlier run, or another node, began.
Every change is an insert or a compare-and-set: two nodes at once do no harm, at worst there is one key more.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from msgspec.structs import replace

from grantd.core.clock import Clock
from grantd.jose import SigningKey
from grantd.jose.algorithms import GENERATION
from grantd.server.keys.keyring import may_sign, sealing_context
from grantd.server.keys.sealing import Sealer
from grantd.server.settings.model import KeySettings
from grantd.storage.records import SigningKeyRecord

MARGIN = 60
"""Seconds that clocks of nodes and receivers may differ, and that a node may need to hear of a change."""
_MAX_ROUNDS = 5
_seniority = attrgetter("activate_at", "created_at", "kid")


class KeyStore(Protocol):
    """The part of the Store port that keys need."""

    async def put_key(self, key: SigningKeyRecord) -> bool:
        """Insert (version 1) or compare-and-set a signing key."""
        ...

    async def list_keys(self, issuer: str) -> tuple[SigningKeyRecord, ...]:
        """Return all keys of an issuer."""
        ...

    async def delete_key(self, issuer: str, kid: str) -> bool:
        """Delete a key that is no longer published."""
        ...


class KeyChangeConflictError(Exception):
    """Other nodes kept changing the same key; the caller may try again."""


@dataclass(frozen=True, slots=True)
class Create:
    """Make a key that signs from ``activate_at`` on."""

    alg: str
    activate_at: int


@dataclass(frozen=True, slots=True)
class Replace:
    """Write ``record`` over its predecessor, by compare-and-set."""

    record: SigningKeyRecord


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a key that is no longer published."""

    kid: str


Action = Create | Replace | Delete


def _retired(record: SigningKeyRecord, retire_at: int, lifetime: int) -> SigningKeyRecord:
    # The last token that it signs lives this long; only then may receivers forget the key.
    expires_at = max(record.expires_at or 0, retire_at + lifetime + MARGIN)
    return replace(record, retire_at=retire_at, expires_at=expires_at)


def _settle(
    record: SigningKeyRecord, successor: SigningKeyRecord | None, *, configured: bool, now: int, lifetime: int
) -> SigningKeyRecord:
    """Return what an unexpired, unrevoked record should say."""
    retire_at = record.retire_at
    if retire_at is None and not configured:
        return _retired(record, now, lifetime)
    if retire_at is None and successor is not None:
        return _retired(record, max(successor.activate_at, now), lifetime)
    if configured and successor is None and retire_at is not None and now < retire_at:
        # The successor was revoked before its time: the key stays.
        return replace(record, retire_at=None, expires_at=None)
    if retire_at is not None:
        settled = _retired(record, retire_at, lifetime)
        # A private key that signs no more is worth nothing to us and much to a thief.
        return replace(settled, sealed_private_key=b"") if now >= retire_at + MARGIN else settled
    return record


def _plan_algorithm(
    live: list[SigningKeyRecord], alg: str, settings: KeySettings, now: int, lifetime: int
) -> list[Action]:
    configured = alg in settings.algorithms
    live.sort(key=_seniority)
    actions: list[Action] = []
    settled: list[SigningKeyRecord] = []
    for position, record in enumerate(live):
        successor = live[position + 1] if position + 1 < len(live) else None
        wanted = _settle(record, successor, configured=configured, now=now, lifetime=lifetime)
        settled.append(wanted)
        if wanted != record:
            actions.append(Replace(replace(wanted, version=record.version + 1)))
    if not configured:
        return actions
    if not any(may_sign(record, now) for record in settled):
        return [Create(alg, now), *actions]
    newest = settled[-1]
    # The successor is published for a while before it signs, however late this runs.
    if now >= newest.activate_at + settings.rotate_seconds - settings.publish_seconds:
        due = max(newest.activate_at + settings.rotate_seconds, now + settings.publish_seconds)
        actions.append(Create(alg, due))
    return actions


def plan(
    records: Sequence[SigningKeyRecord], settings: KeySettings, now: int, longest_token_lifetime: int
) -> list[Action]:
    """Say what is to be done to the keys of one issuer.

    Args:
        records: all its keys.
        settings: its key settings.
        now: seconds since the Unix epoch.
        longest_token_lifetime: seconds that any token signed with these keys may live.

    Returns:
        Actions in the order in which they are to be taken; nothing when all is well.
    """
    actions: list[Action] = []
    by_algorithm: dict[str, list[SigningKeyRecord]] = {alg: [] for alg in settings.algorithms}
    for record in records:
        if record.expires_at is not None and record.expires_at <= now:
            actions.append(Delete(record.kid))
        elif record.revoked_at is None:
            by_algorithm.setdefault(record.alg, []).append(record)
    for alg, live in by_algorithm.items():
        actions += _plan_algorithm(live, alg, settings, now, longest_token_lifetime)
    return actions


class KeyLifecycle:
    """Carries the plan out for one issuer. Periodic callers hold the lease ``keys``.

    Args:
        issuer: the issuer's identifier.
        store: where the keys are.
        sealer: seals new private keys.
        settings: the issuer's key settings.
        clock: the time.
        longest_token_lifetime: seconds that any token signed with these keys may live.
    """

    def __init__(
        self,
        issuer: str,
        *,
        store: KeyStore,
        sealer: Sealer,
        settings: KeySettings,
        clock: Clock,
        longest_token_lifetime: int,
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._sealer = sealer
        self._settings = settings
        self._clock = clock
        self._lifetime = longest_token_lifetime

    async def ensure_default(self) -> tuple[SigningKeyRecord, ...]:
        """See to it that the default algorithm can sign; return the issuer's records. The fast part of a start."""
        records = await self._store.list_keys(self._issuer)
        now = self._clock.now()
        default = self._settings.algorithms[0]
        if any(record.alg == default and may_sign(record, now) for record in records):
            return records
        await self._create(Create(default, now))
        return await self._store.list_keys(self._issuer)

    async def ensure_all(self) -> tuple[SigningKeyRecord, ...]:
        """See to it that every configured algorithm can sign, and do whatever else is due; return the records.

        RSA keys are made in a thread. The first key of an algorithm signs at once; every later one is published
        ``publish_seconds`` before.
        """
        for _ in range(_MAX_ROUNDS):
            records = await self._store.list_keys(self._issuer)
            actions = plan(records, self._settings, self._clock.now(), self._lifetime)
            if not actions:
                return records
            for action in actions:
                await self._take(action)
        return await self._store.list_keys(self._issuer)

    maintain = ensure_all

    async def rotate(self, alg: str | None = None) -> tuple[SigningKeyRecord, ...]:
        """Publish successors now instead of when they are due; they sign ``publish_seconds`` later.

        A key that waits for its time already is successor enough.

        Args:
            alg: only keys of this algorithm; of every configured one when ``None``.

        Returns:
            The issuer's records.

        Raises:
            LookupError: when the issuer is not configured for ``alg``.
        """
        if alg is not None and alg not in self._settings.algorithms:
            raise LookupError(f"the issuer has no {alg} keys")
        records = await self.ensure_all()
        now = self._clock.now()
        for one in self._settings.algorithms if alg is None else (alg,):
            waiting = (r for r in records if r.alg == one and r.revoked_at is None and r.activate_at > now)
            if not any(waiting):
                await self._create(Create(one, now + self._settings.publish_seconds))
        return await self.ensure_all()

    async def revoke(self, kid: str) -> tuple[SigningKeyRecord, ...]:
        """Withdraw a key in an emergency: it leaves the key set at once and its replacement signs at once.

        Tokens that it signed are refused from then on, as soon as receivers read the key set again.

        Args:
            kid: the key's identifier.

        Returns:
            The issuer's records.

        Raises:
            LookupError: when the issuer has no such key.
            KeyChangeConflictError: when other nodes kept changing the key.
        """
        for _ in range(_MAX_ROUNDS):
            records = await self._store.list_keys(self._issuer)
            record = next((one for one in records if one.kid == kid), None)
            if record is None:
                raise LookupError("the issuer has no such key")
            if record.revoked_at is not None:
                return await self.ensure_all()
            now = self._clock.now()
            others = [one for one in records if one.kid != kid and one.alg == record.alg and may_sign(one, now)]
            if record.alg in self._settings.algorithms and not others:
                # First the replacement, so that there is no moment without a signer.
                await self._create(Create(record.alg, now))
            revoked = replace(
                record,
                revoked_at=now,
                expires_at=now + self._lifetime + MARGIN,
                sealed_private_key=b"",
                version=record.version + 1,
            )
            if await self._store.put_key(revoked):
                return await self.ensure_all()
        raise KeyChangeConflictError("other nodes kept changing the key; try again")

    async def _take(self, action: Action) -> None:
        match action:
            case Create():
                await self._create(action)
            case Replace(record):
                # When somebody was first, the next round sees what is left to do.
                await self._store.put_key(record)
            case Delete(kid):
                await self._store.delete_key(self._issuer, kid)

    async def _create(self, action: Create) -> None:
        if GENERATION[action.alg].slow:
            key = await asyncio.to_thread(SigningKey.generate, action.alg, rsa_bits=self._settings.rsa_bits)
        else:
            key = SigningKey.generate(action.alg)
        record = SigningKeyRecord(
            issuer=self._issuer,
            kid=key.kid,
            alg=key.alg,
            public_jwk=dict(key.public_jwk),
            sealed_private_key=self._sealer.seal(sealing_context(self._issuer, key.kid), key.to_der()),
            created_at=self._clock.now(),
            activate_at=action.activate_at,
        )
        await self._store.put_key(record)
