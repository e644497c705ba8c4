"""The keys of one issuer, ready for use: signers by algorithm, public keys by ``kid``, the key set as bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

import msgspec

from grantd.core.clock import Clock
from grantd.jose import CompactSigner, SigningKey, VerificationKey
from grantd.server.keys.sealing import Sealer
from grantd.server.settings.model import KeySettings
from grantd.storage.records import SigningKeyRecord

_NEVER: Final = 1 << 62
_seniority = attrgetter("activate_at", "created_at", "kid")


class NoSigningKeyError(LookupError):
    """The issuer has no key that may sign with this algorithm now."""


def sealing_context(issuer: str, kid: str) -> str:
    """Return the context under which a private key is sealed; ``kid`` holds no colon, so it is unambiguous."""
    return f"signing-key:{issuer}:{kid}"


def is_published(record: SigningKeyRecord, now: int) -> bool:
    """Whether the key stands in the key set: not revoked, and tokens that it signed may still live."""
    return record.revoked_at is None and (record.expires_at is None or now < record.expires_at)


def may_sign(record: SigningKeyRecord, now: int) -> bool:
    """Whether the key is active: published long enough, neither retired nor revoked."""
    return (
        is_published(record, now) and record.activate_at <= now and (record.retire_at is None or now < record.retire_at)
    )


def signing_record(records: Sequence[SigningKeyRecord], alg: str, now: int) -> SigningKeyRecord | None:
    """Return the record that signs with ``alg``: the newest active one, the same on every node."""
    active = [record for record in records if record.alg == alg and may_sign(record, now)]
    return max(active, key=_seniority, default=None)


@dataclass(slots=True)
class _State:
    signers: dict[str, SigningKey]
    published: dict[str, VerificationKey]
    jwks: bytes
    next_change: int
    compact: dict[tuple[str, str | None], CompactSigner] = field(default_factory=dict)


class KeyRing:
    """The keys of one issuer.

    Args:
        issuer: the issuer's identifier.
        records: all its keys, as stored.
        settings: its key settings; the first algorithm signs by default.
        sealer: opens the private keys.
        clock: the time.

    Raises:
        UnsealError: when a private key was sealed with another master key.
        KeyFormatError: when a stored key is damaged.
    """

    def __init__(
        self,
        issuer: str,
        records: Sequence[SigningKeyRecord],
        *,
        settings: KeySettings,
        sealer: Sealer,
        clock: Clock,
    ) -> None:
        self.issuer = issuer
        self._settings = settings
        self._sealer = sealer
        self._now = clock.now
        self._records: tuple[SigningKeyRecord, ...] = ()
        self._private: dict[str, SigningKey] = {}
        self._public: dict[str, VerificationKey] = {}
        self._state = _State({}, {}, b"", 0)
        self.update(records)

    @property
    def records(self) -> tuple[SigningKeyRecord, ...]:
        """The records behind the ring."""
        return self._records

    def update(self, records: Sequence[SigningKeyRecord]) -> None:
        """Take over the issuer's records after a change; keys that stay are not read again.

        Raises:
            UnsealError: when a private key was sealed with another master key; the ring stays as it was.
            KeyFormatError: when a stored key is damaged; the ring stays as it was.
        """
        now = self._now()
        known_public, known_private = self._public, self._private
        public: dict[str, VerificationKey] = {}
        private: dict[str, SigningKey] = {}
        for record in records:
            if record.issuer != self.issuer:
                raise ValueError("a key of another issuer")
            if not is_published(record, now):
                continue
            kid = record.kid
            public[kid] = known_public.get(kid) or VerificationKey.from_jwk(record.public_jwk)
            if record.sealed_private_key and (record.retire_at is None or now < record.retire_at):
                private[kid] = known_private.get(kid) or self._unseal(record)
        self._public, self._private, self._records = public, private, tuple(records)
        self._state = self._build(now)

    def _unseal(self, record: SigningKeyRecord) -> SigningKey:
        der = self._sealer.open(sealing_context(self.issuer, record.kid), record.sealed_private_key)
        return SigningKey.from_der(der, kid=record.kid, alg=record.alg, unsafe_skip_rsa_key_validation=True)

    def _build(self, now: int) -> _State:
        signers: dict[str, SigningKey] = {}
        for alg in {record.alg for record in self._records}:
            chosen = signing_record(self._records, alg, now)
            if chosen is not None and chosen.kid in self._private:
                signers[alg] = self._private[chosen.kid]
        # Keys that do not sign yet are published too: receivers must know them before their first token.
        published = {
            record.kid: self._public[record.kid]
            for record in sorted(self._records, key=_seniority)
            if is_published(record, now) and record.kid in self._public
        }
        jwks = msgspec.json.encode({"keys": [key.to_jwk() for key in published.values()]})
        boundaries = [
            moment
            for record in self._records
            for moment in (record.activate_at, record.retire_at, record.expires_at)
            if moment is not None and moment > now
        ]
        return _State(signers, published, jwks, min(boundaries, default=_NEVER))

    def _current(self) -> _State:
        now = self._now()
        if now >= self._state.next_change:
            self._state = self._build(now)
        return self._state

    @property
    def jwks(self) -> bytes:
        """The public key set as JSON (RFC 7517 section 5)."""
        return self._current().jwks

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Configured algorithms that have a key to sign with now, the default one first."""
        signers = self._current().signers
        return tuple(alg for alg in self._settings.algorithms if alg in signers)

    def signer(self, alg: str | None = None) -> SigningKey:
        """Return the key that signs now.

        Args:
            alg: the algorithm; the first configured one when ``None``.

        Raises:
            NoSigningKeyError: when there is none.
        """
        try:
            return self._current().signers[alg or self._settings.algorithms[0]]
        except KeyError:
            raise NoSigningKeyError(f"no active signing key for {alg or self._settings.algorithms[0]}") from None

    def compact_signer(self, typ: str, alg: str | None = None) -> CompactSigner:
        """Return the signer for tokens of one ``typ``, prepared once for each key.

        Raises:
            NoSigningKeyError: when no key signs with ``alg`` now.
        """
        compact = self._current().compact
        try:
            return compact[typ, alg]
        except KeyError:
            return compact.setdefault((typ, alg), CompactSigner(self.signer(alg), typ=typ))

    def verification_key(self, kid: str | None) -> VerificationKey | None:
        """Return a published key; ``None`` for unknown, expired and revoked ones."""
        return None if kid is None else self._current().published.get(kid)
