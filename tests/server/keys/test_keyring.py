import json

import pytest
from msgspec.structs import replace
from tests.server.keys.fakes import ISSUER, SEALER, ring

from grantd.core.clock import ManualClock
from grantd.jose import Expectation, SigningKey, decode, verify
from grantd.server.keys import KeyRing, NoSigningKeyError, Sealer, UnsealError
from grantd.server.keys.keyring import sealing_context
from grantd.server.settings.model import KeySettings
from grantd.storage.records import SigningKeyRecord

SETTINGS = KeySettings(algorithms=("ES256", "EdDSA"))
T = 1_773_640_800


def record(kid: str, activate_at: int = T, *, alg: str = "ES256", retire_at: int | None = None, expires_at: int | None = None, revoked_at: int | None = None) -> SigningKeyRecord:  # fmt: skip
    key = SigningKey.generate(alg, kid=kid)
    return SigningKeyRecord(
        issuer=ISSUER,
        kid=kid,
        alg=alg,
        public_jwk=dict(key.public_jwk),
        sealed_private_key=SEALER.seal(sealing_context(ISSUER, kid), key.to_der()),
        created_at=T - 600,
        activate_at=activate_at,
        retire_at=retire_at,
        expires_at=expires_at,
        revoked_at=revoked_at,
    )


def kids(keyring: KeyRing) -> set[str]:
    return {jwk["kid"] for jwk in json.loads(keyring.jwks)["keys"]}


def test_each_boundary_moves_signer_and_key_set_by_itself() -> None:
    clock = ManualClock(T)
    keyring = ring(
        (record("a", T - 100, retire_at=T + 50, expires_at=T + 400), record("b", T + 50), record("e", alg="EdDSA")),
        clock,
        SETTINGS,
    )
    assert (keyring.signer().kid, keyring.signer("EdDSA").kid) == ("a", "e")
    assert kids(keyring) == {"a", "b", "e"}
    clock.advance(49)
    assert keyring.signer().kid == "a"
    clock.advance(1)
    assert keyring.signer().kid == "b"
    assert kids(keyring) == {"a", "b", "e"}
    clock.advance(349)
    assert keyring.verification_key("a") is not None
    clock.advance(1)
    assert keyring.verification_key("a") is None
    assert kids(keyring) == {"b", "e"}


def test_the_newest_active_key_signs() -> None:
    keyring = ring((record("old", T - 9), record("new", T - 1), record("next", T + 1)), ManualClock(T), SETTINGS)
    assert keyring.signer().kid == "new"


def test_revoked_expired_and_retired_keys() -> None:
    keyring = ring(
        (
            record("live", T - 50),
            record("revoked", T - 10, revoked_at=T),
            record("gone", T - 10, retire_at=T - 5, expires_at=T),
            record("retired", T - 10, retire_at=T, expires_at=T + 9),
        ),
        ManualClock(T),
        SETTINGS,
    )
    assert keyring.signer().kid == "live"
    assert kids(keyring) == {"live", "retired"}
    assert keyring.verification_key("revoked") is None
    assert keyring.verification_key("gone") is None
    assert keyring.verification_key("retired") is not None
    assert keyring.verification_key(None) is None


def test_the_key_set_is_public() -> None:
    keyring = ring((record("a"), record("e", alg="EdDSA")), ManualClock(T), SETTINGS)
    by_kid = {jwk["kid"]: jwk for jwk in json.loads(keyring.jwks)["keys"]}
    assert by_kid["a"].keys() == {"kty", "use", "alg", "kid", "crv", "x", "y"}
    assert by_kid["e"].keys() == {"kty", "use", "alg", "kid", "crv", "x"}
    assert (by_kid["a"]["use"], by_kid["a"]["alg"], by_kid["e"]["alg"]) == ("sig", "ES256", "EdDSA")
    assert keyring.jwks is keyring.jwks


def test_compact_signers_are_prepared_once_and_follow_the_key() -> None:
    clock = ManualClock(T)
    keyring = ring((record("a", retire_at=T + 5, expires_at=T + 99), record("b", T + 5), record("e", alg="EdDSA")), clock, SETTINGS)  # fmt: skip
    signer = keyring.compact_signer("at+jwt")
    assert keyring.compact_signer("at+jwt") is signer
    assert keyring.compact_signer("at+jwt", "EdDSA").kid == "e"
    assert keyring.compact_signer("token-introspection+jwt") is not signer
    expectation = Expectation(frozenset({"at+jwt"}), frozenset({"ES256"}), ISSUER, None)
    token = signer.sign({"iss": ISSUER, "exp": T + 10})
    assert verify(token, lambda d: keyring.verification_key(d.kid), expectation, T).claims["iss"] == ISSUER
    clock.advance(5)
    assert decode(keyring.compact_signer("at+jwt").sign({})).kid == "b"


def test_no_key_no_signature() -> None:
    keyring = ring((record("next", T + 1),), ManualClock(T), SETTINGS)
    for alg in (None, "ES256", "EdDSA", "none"):
        with pytest.raises(NoSigningKeyError):
            keyring.signer(alg)
    with pytest.raises(NoSigningKeyError):
        keyring.compact_signer("at+jwt")
    assert keyring.algorithms == ()
    assert kids(keyring) == {"next"}


def test_update_keeps_what_is_loaded_and_takes_revocation_at_once() -> None:
    first = record("a")
    keyring = ring((first,), ManualClock(T), SETTINGS)
    signer = keyring.signer()
    keyring.update((first, record("b", T + 9)))
    assert keyring.signer() is signer
    assert keyring.algorithms == ("ES256",)
    keyring.update((replace(first, revoked_at=T), record("c")))
    assert keyring.signer().kid == "c"
    assert kids(keyring) == {"c"}


def test_another_master_key_or_another_issuer_is_refused_and_the_ring_stays() -> None:
    good, foreign = record("a"), replace(record("b"), issuer="https://other.example")
    with pytest.raises(UnsealError):
        KeyRing(ISSUER, (good,), settings=SETTINGS, sealer=Sealer(b"x" * 32), clock=ManualClock(T))
    keyring = ring((good,), ManualClock(T), SETTINGS)
    with pytest.raises(ValueError, match="another issuer"):
        keyring.update((foreign,))
    swapped = replace(record("b", T), sealed_private_key=good.sealed_private_key)
    with pytest.raises(UnsealError):
        keyring.update((good, swapped))
    assert keyring.signer().kid == "a"
    assert kids(keyring) == {"a"}
