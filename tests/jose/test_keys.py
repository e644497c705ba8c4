import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import example, given, settings
from hypothesis import strategies as st
from joserfc.jwk import import_key
from tests.jose import vectors

from grantd.jose import KeySet, SigningKey, VerificationKey
from grantd.jose.algorithms import der_to_raw, raw_to_der
from grantd.jose.encoding import b64u_decode, b64u_encode
from grantd.jose.errors import ForbiddenKeyError, KeyFormatError
from grantd.jose.jwk import public_jwk
from grantd.jose.keys import MAX_KEYS, key_set_members

RSA_KEY = SigningKey.generate("RS256")
KEYS = {
    "ES256": SigningKey.generate("ES256"),
    "EdDSA": SigningKey.generate("EdDSA"),
    "RS256": RSA_KEY,
    "PS256": SigningKey(kid="ps", alg="PS256", private_key=RSA_KEY.private_key),
}
PRIVATE_NAMES = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.mark.parametrize("alg", KEYS)
def test_signatures_verify_with_the_own_key_and_algorithm_only(alg: str) -> None:
    key = KEYS[alg]
    signature = key.sign(b"data")
    public = VerificationKey.from_jwk(key.public_jwk)
    assert public.verify(alg, signature, b"data")
    assert not public.verify(alg, signature, b"Data")
    assert not public.verify(alg, signature[:-1], b"data")
    assert not public.verify(alg, signature + b"\0", b"data")
    assert not public.verify(alg, b"", b"data")
    for other in KEYS.keys() - {alg}:
        assert not public.verify(other, signature, b"data")
    assert not VerificationKey.from_jwk(SigningKey.generate("ES256").public_jwk).verify(alg, signature, b"data")


@pytest.mark.parametrize("alg", KEYS)
def test_keys_survive_der_and_jwk(alg: str) -> None:
    key = KEYS[alg]
    for skip in (False, True):
        again = SigningKey.from_der(key.to_der(), kid=key.kid, alg=alg, unsafe_skip_rsa_key_validation=skip)
        assert again.public_jwk == key.public_jwk
        assert key.verification_key().verify(alg, again.sign(b"x"), b"x")
    copy = SigningKey.from_jwk(json.loads(json.dumps(key.to_private_jwk())))
    assert (copy.kid, copy.alg, copy.public_jwk) == (key.kid, key.alg, key.public_jwk)
    assert import_key({**key.public_jwk}).thumbprint() == key.verification_key().thumbprint


def test_the_public_part_never_holds_a_private_member_and_repr_no_secret() -> None:
    for key in KEYS.values():
        assert not PRIVATE_NAMES & key.public_jwk.keys()
        assert {"kty", "use", "alg", "kid"} <= key.public_jwk.keys()
        assert "private" not in repr(key)


def test_a_key_is_immutable() -> None:
    key = KEYS["ES256"]
    with pytest.raises(AttributeError):
        key.kid = "other"  # type: ignore[misc]  # the refusal is what is shown
    with pytest.raises(TypeError):
        key.public_jwk["kid"] = "other"  # type: ignore[index]  # the refusal is what is shown


@pytest.mark.parametrize(("jwk", "thumbprint"), vectors.THUMBPRINTS)
def test_thumbprints_of_the_digest(jwk: dict[str, str], thumbprint: str) -> None:
    assert VerificationKey.from_jwk(vectors.public(jwk)).thumbprint == thumbprint
    assert SigningKey.from_jwk(jwk).verification_key().thumbprint == thumbprint


def test_rfc8037_ed25519_vector() -> None:
    key = SigningKey.from_jwk(vectors.ED25519)
    assert key.verification_key().thumbprint == vectors.ED25519_THUMBPRINT
    assert b64u_encode(key.sign(vectors.ED25519_INPUT)).decode() == vectors.ED25519_SIGNATURE
    signature = b64u_decode(vectors.ED25519_SIGNATURE.encode())
    public = VerificationKey.from_jwk(vectors.public(vectors.ED25519))
    assert public.verify("EdDSA", signature, vectors.ED25519_INPUT)
    assert not public.verify("EdDSA", signature, vectors.ED25519_INPUT + b"g")
    assert not public.verify("EdDSA", bytes([signature[0] ^ 1]) + signature[1:], vectors.ED25519_INPUT)


def test_rfc7515_es256_vector_and_bad_twins() -> None:
    key = VerificationKey.from_jwk(vectors.RFC7515_EC)
    data, _, text = vectors.RFC7515_ES256.rpartition(".")
    signature = b64u_decode(text.encode())
    assert key.verify("ES256", signature, data.encode())
    assert not key.verify("ES256", signature[32:] + signature[:32], data.encode())
    assert not key.verify("ES256", raw_to_der(signature), data.encode())
    assert not key.verify("ES256", bytes(64), data.encode())
    assert not key.verify("ES256", signature, data.encode() + b"=")


def test_der_to_raw_agrees_with_the_library() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - used here only

    for number in range(50):
        der = key.sign(str(number).encode(), ec.ECDSA(SHA256()))
        r, s = decode_dss_signature(der)
        assert der_to_raw(der) == r.to_bytes(32, "big") + s.to_bytes(32, "big")


@settings(deadline=None)
@example(1, 2**255)
@example(2**255 - 1, 2**248 - 1)
@given(st.integers(1, 2**256 - 1), st.integers(1, 2**256 - 1))
def test_raw_and_der_are_inverse(r: int, s: int) -> None:
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert der_to_raw(raw_to_der(raw)) == raw


def _weak_rsa() -> dict[str, str]:
    return public_jwk(rsa.generate_private_key(65537, 1024).public_key())  # noqa: S505 - weak on purpose, to be refused


EC = vectors.public(vectors.HB_2026_03)
OKP = vectors.public(vectors.ED25519)
RSA = dict(RSA_KEY.public_jwk)


@pytest.mark.parametrize(
    "jwk",
    [
        {}, {"kty": "XX"}, {"kty": ["EC"]}, {**EC, "crv": "P-384"}, {**EC, "crv": "secp256k1"}, {**EC, "x": EC["y"]},
        {**EC, "x": "AA"}, {**EC, "x": EC["x"] + "="}, {**EC, "x": 5}, {**EC, "y": ""}, {**EC, "use": "enc"},
        {**EC, "alg": "ES384"}, {**EC, "alg": "RS256"}, {**EC, "alg": "none"}, {**EC, "kid": 7}, {**EC, "kid": "k" * 513},
        {**EC, "key_ops": ["encrypt"]}, {**EC, "key_ops": "verify"}, {**OKP, "crv": "X25519"}, {**OKP, "x": "AAAA"},
        {**RSA, "e": "AQ"}, {**RSA, "e": "AQAAAAE"}, {**RSA, "n": "AQAB"}, {**RSA, "n": "A" * 9000}, {**RSA, "alg": "RS512"},
        _weak_rsa(),
    ],
)  # fmt: skip
def test_public_jwks_that_are_refused(jwk: dict[str, object]) -> None:
    with pytest.raises(KeyFormatError):
        VerificationKey.from_jwk(jwk)


@pytest.mark.parametrize("jwk", [vectors.HB_2026_03, vectors.ED25519, RSA_KEY.to_private_jwk(), {"kty": "oct", "k": "AAAA"}, {**EC, "k": "AAAA"}, {**RSA, "oth": []}])  # fmt: skip
def test_private_and_symmetric_keys_are_refused_alone_and_in_sets(jwk: dict[str, object]) -> None:
    with pytest.raises(ForbiddenKeyError):
        VerificationKey.from_jwk(jwk)
    with pytest.raises(ForbiddenKeyError):
        KeySet.from_jwks({"keys": [EC, jwk]})


@pytest.mark.parametrize("jwk", [{**vectors.HB_2026_03, "d": vectors.DPOP["d"]}, {**vectors.ED25519, "x": vectors.DPOP["x"]}, {**RSA_KEY.to_private_jwk(), "d": "AQAB"}, EC, {"kty": "oct", "k": "AA"}])  # fmt: skip
def test_private_jwks_that_are_refused(jwk: dict[str, object]) -> None:
    with pytest.raises(KeyFormatError):
        SigningKey.from_jwk(jwk)


def test_a_signing_key_must_fit_its_algorithm_and_be_strong() -> None:
    with pytest.raises(KeyFormatError):
        SigningKey(kid="k", alg="ES256", private_key=RSA_KEY.private_key)
    with pytest.raises(KeyFormatError):
        SigningKey(kid="k", alg="HS256", private_key=RSA_KEY.private_key)
    with pytest.raises(KeyFormatError, match="2048"):
        SigningKey(kid="k", alg="RS256", private_key=rsa.generate_private_key(65537, 1024))  # noqa: S505 - weak on purpose, to be refused
    with pytest.raises(KeyFormatError):
        SigningKey.generate("HS256")
    with pytest.raises(KeyFormatError):
        SigningKey.from_der(b"rubbish", kid="k", alg="ES256")


def test_key_sets_leave_out_what_cannot_be_used_unless_strict() -> None:
    document = {"keys": [EC, {"kty": "XX"}, {**OKP, "use": "enc"}, _weak_rsa()]}
    keys = KeySet.from_jwks(json.dumps(document).encode())
    assert [key.kid for key in keys.keys] == ["hb-2026-03"]
    with pytest.raises(KeyFormatError):
        KeySet.from_jwks(document, strict=True)
    assert KeySet.from_jwks({"keys": [EC, {**OKP, "use": "enc"}]}, strict=True).keys


def test_find_needs_kid_and_algorithm_and_is_never_ambiguous() -> None:
    keys = KeySet.from_jwks({"keys": [EC, {**RSA, "kid": "r"}, {**OKP, "kid": "r"}, {**OKP, "kid": "twice"}, {**OKP, "kid": "twice"}]})  # fmt: skip
    found = keys.find("hb-2026-03", "ES256")
    assert found is not None
    assert found.kid == "hb-2026-03"
    assert keys.find("hb-2026-03", "EdDSA") is None
    assert keys.find("unknown", "ES256") is None
    assert keys.find(None, "ES256") is found
    assert keys.find(None, "EdDSA") is None
    assert keys.find("twice", "EdDSA") is None
    by_kind = keys.find("r", "EdDSA")
    assert by_kind is not None
    assert by_kind.algorithms == ("EdDSA",)


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[1]}', b'{"keys":[],"keys":[]}', b"{" + b" " * 70_000 + b"}", b'{"keys":[' + b",".join([b"{}"] * (MAX_KEYS + 1)) + b"]}"])  # fmt: skip
def test_malformed_key_sets(document: bytes) -> None:
    with pytest.raises(KeyFormatError):
        KeySet.from_jwks(document)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "use", "alg", "kid", "key_ops", "d"]), st.sampled_from(["EC", "RSA", "OKP", "P-256", "Ed25519", EC["x"], EC["y"], OKP["x"], RSA["n"], "AQAB", "sig"]) | st.none() | st.integers() | st.text(max_size=9) | st.lists(st.text(max_size=3), max_size=2)))  # fmt: skip
def test_any_object_gives_a_key_or_a_typed_error(jwk: dict[str, object]) -> None:
    try:
        key = VerificationKey.from_jwk(jwk)
    except KeyFormatError:
        return
    assert VerificationKey.from_jwk(key.to_jwk()).thumbprint == key.thumbprint


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_key_set_or_a_typed_error(document: bytes) -> None:
    try:
        members = key_set_members(document)
    except KeyFormatError:
        return
    assert isinstance(members, list)
