import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt as oracle
from joserfc.jwk import import_key
from tests.jose import vectors

from grantd.jose import CompactSigner, Expectation, KeySet, SigningKey, TokenError, decode, verify
from grantd.jose import errors as e
from grantd.jose.encoding import b64u_encode

NOW = 1_773_640_840
ISSUER = "https://login.harbour.example"
API = "https://tides.harbour.example/api"
EXPECTED = Expectation(
    typ=frozenset({"at+jwt"}),
    algorithms=frozenset({"ES256", "EdDSA", "RS256", "PS256"}),
    issuer=ISSUER,
    audience=frozenset({API}),
)
CLAIMS = {"iss": ISSUER, "aud": API, "sub": "u", "iat": NOW - 10, "exp": NOW + 290, "jti": "t"}
KEY = SigningKey.from_jwk(vectors.HB_2026_03)
RSA_KEY = SigningKey.generate("RS256")
SIGNERS = [KEY, SigningKey.generate("EdDSA"), RSA_KEY, SigningKey(kid="ps", alg="PS256", private_key=RSA_KEY.private_key)]  # fmt: skip
KEYS = KeySet(key.verification_key() for key in SIGNERS)
ACCESS = CompactSigner(KEY, typ="at+jwt")


def check(token: str, expectation: Expectation = EXPECTED, now: int = NOW) -> dict[str, object]:
    verified = verify(token, lambda decoded: KEYS.find(decoded.kid, decoded.alg), expectation, now)
    return dict(verified.claims)


def raw(header: object, claims: object, key: SigningKey | None = KEY) -> str:
    parts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in (header, claims)]
    data = b".".join(b64u_encode(part) for part in parts)
    return (data + b"." + (b64u_encode(key.sign(data)) if key else b"")).decode()


HEADER = {"typ": "at+jwt", "alg": "ES256", "kid": "hb-2026-03"}


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("key", SIGNERS, ids=lambda key: key.alg)
def test_what_is_signed_here_is_read_here_and_by_the_oracle(key: SigningKey) -> None:
    token = CompactSigner(key, typ="at+jwt").sign(CLAIMS)
    assert check(token) == CLAIMS
    public: dict[str, str | list[str]] = {**key.public_jwk}
    read = oracle.decode(token, import_key(public), algorithms=[key.alg])
    assert read.claims == CLAIMS
    assert read.header == {"typ": "at+jwt", "alg": key.alg, "kid": key.kid}


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("key", SIGNERS, ids=lambda key: key.alg)
def test_what_the_oracle_signs_is_read_here(key: SigningKey) -> None:
    members: dict[str, str | list[str]] = {**key.to_private_jwk()}
    private = import_key(members)
    token = oracle.encode(
        {"alg": key.alg, "typ": "at+jwt", "kid": key.kid}, dict(CLAIMS), private, algorithms=[key.alg]
    )
    assert check(token) == CLAIMS


def test_encoded_claims_are_taken_as_they_are() -> None:
    assert (
        ACCESS.sign(json.dumps(CLAIMS).encode()).split(".")[:2]
        == raw(HEADER, CLAIMS)
        .replace(raw(HEADER, CLAIMS).split(".")[0], ACCESS.sign(CLAIMS).split(".")[0])
        .split(".")[:2]
    )


def test_the_compact_signer_keeps_its_header_members_apart() -> None:
    assert decode(CompactSigner(KEY, typ="x+jwt", header={"cty": "y"}).sign({})).header["cty"] == "y"
    for bad in ({"alg": "none"}, {"kid": "other"}, {"typ": "at+jwt"}):
        with pytest.raises(ValueError, match="leave out"):
            CompactSigner(KEY, typ="x+jwt", header=bad)
    with pytest.raises(ValueError, match="empty"):
        CompactSigner(KEY, typ="")


@pytest.mark.req("JAT-13")
def test_the_access_token_of_the_digest_verifies() -> None:
    claims = check(vectors.ACCESS_TOKEN)
    assert claims["sub"] == "u-51Kd"
    assert claims["cnf"] == {"jkt": "vXHsRapYEnm9n101XLLrYad1pkrVvwzSy9H4p2cco3k"}


def test_the_client_assertion_of_the_digest_verifies() -> None:
    keys = KeySet.from_jwks({"keys": [vectors.public(vectors.FLEET_2026_1)]})
    expectation = Expectation(
        typ=frozenset({"client-authentication+jwt"}),
        algorithms=frozenset({"ES256"}),
        issuer="fleet-web-7",
        audience=frozenset({ISSUER}),
        sole_audience=True,
        max_lifetime=60,
        required=frozenset({"sub", "jti"}),
    )
    token = vectors.CLIENT_ASSERTION
    assert verify(token, lambda d: keys.find(d.kid, d.alg), expectation, NOW).claims["jti"] == "Zk3p0sQm7e"
    with pytest.raises(e.LifetimeTooLongError):
        verify(token, lambda d: keys.find(d.kid, d.alg), replace(expectation, max_lifetime=59), NOW)
    with pytest.raises(e.UnknownKeyError):
        verify(token, lambda d: KEYS.find(d.kid, d.alg), expectation, NOW)


@pytest.mark.parametrize("position", [0, 30, 70, 200, -1, -40])
def test_a_changed_character_is_never_accepted(position: int) -> None:
    token = vectors.ACCESS_TOKEN
    index = position % len(token)
    twin = token[:index] + ("A" if token[index] != "A" else "g") + token[index + 1 :]
    with pytest.raises(TokenError):
        check(twin)


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ({**HEADER, "typ": "JWT"}, e.WrongTypeError),
        ({**HEADER, "typ": "token-introspection+jwt"}, e.WrongTypeError),
        ({**HEADER, "typ": "application/x/at+jwt"}, e.WrongTypeError),
        ({**HEADER, "typ": ""}, e.WrongTypeError),
        ({"alg": "ES256", "kid": "hb-2026-03"}, e.WrongTypeError),
        ({**HEADER, "typ": 5}, e.MalformedTokenError),
        ({**HEADER, "alg": "none"}, e.AlgorithmNotAllowedError),
        ({**HEADER, "alg": "HS256"}, e.AlgorithmNotAllowedError),
        ({**HEADER, "alg": "es256"}, e.AlgorithmNotAllowedError),
        ({**HEADER, "alg": ["ES256"]}, e.MalformedTokenError),
        ({"typ": "at+jwt", "kid": "hb-2026-03"}, e.MalformedTokenError),
        ({**HEADER, "alg": "RS256"}, e.UnknownKeyError),
        ({**HEADER, "alg": "EdDSA"}, e.UnknownKeyError),
        ({**HEADER, "kid": "other"}, e.UnknownKeyError),
        ({**HEADER, "kid": 1}, e.MalformedTokenError),
        ({**HEADER, "crit": ["exp"]}, e.CriticalHeaderError),
        ({**HEADER, "crit": []}, e.CriticalHeaderError),
        ({**HEADER, "b64": False}, e.CriticalHeaderError),
        (b'{"alg":"none","alg":"ES256","typ":"at+jwt"}', e.MalformedTokenError),
        (b"[]", e.MalformedTokenError),
        (b"", e.MalformedTokenError),
    ],
)
def test_headers_that_are_refused(header: object, error: type[TokenError]) -> None:
    with pytest.raises(error):
        check(raw(header, CLAIMS))


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"])
def test_spellings_of_typ(typ: str) -> None:
    assert check(raw({**HEADER, "typ": typ}, CLAIMS)) == CLAIMS


def test_alg_none_is_refused_even_when_somebody_expects_it() -> None:
    loose = replace(EXPECTED, algorithms=frozenset({"none"}))
    with pytest.raises(e.AlgorithmNotAllowedError):
        check(raw({"alg": "none", "typ": "at+jwt"}, CLAIMS, None), loose)


def test_an_expectation_of_nothing_accepts_nothing() -> None:
    with pytest.raises(e.WrongTypeError):
        check(ACCESS.sign(CLAIMS), replace(EXPECTED, typ=frozenset()))
    with pytest.raises(e.AlgorithmNotAllowedError):
        check(ACCESS.sign(CLAIMS), replace(EXPECTED, algorithms=frozenset()))


def test_a_missing_typ_passes_only_where_it_is_expected() -> None:
    token = raw({"alg": "ES256", "kid": "hb-2026-03"}, CLAIMS)
    assert check(token, replace(EXPECTED, typ=frozenset({"", "jwt"}))) == CLAIMS


def test_keys_that_the_header_brings_along_are_not_used() -> None:
    thief = SigningKey.generate("ES256", kid="hb-2026-03")
    header = {
        **HEADER,
        "jwk": dict(thief.public_jwk),
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/x",
    }
    with pytest.raises(e.BadSignatureError):
        check(raw(header, CLAIMS, thief))
    with pytest.raises(e.UnknownKeyError):
        check(raw({**header, "kid": "evil"}, CLAIMS, thief))
    assert check(raw(header, CLAIMS)) == CLAIMS


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"exp": NOW}, e.TokenExpiredError),
        ({"exp": NOW - 1}, e.TokenExpiredError),
        ({"exp": "2030"}, e.InvalidClaimError),
        ({"exp": None}, e.InvalidClaimError),
        ({"exp": True}, e.InvalidClaimError),
        ({"nbf": NOW + 1}, e.TokenNotYetValidError),
        ({"iat": NOW + 1}, e.TokenNotYetValidError),
        ({"iat": "now"}, e.InvalidClaimError),
        ({"iss": ISSUER + "/"}, e.WrongIssuerError),
        ({"iss": ISSUER.upper()}, e.WrongIssuerError),
        ({"iss": [ISSUER]}, e.InvalidClaimError),
        ({"sub": 7}, e.InvalidClaimError),
        ({"jti": {}}, e.InvalidClaimError),
        ({"aud": API + "/"}, e.WrongAudienceError),
        ({"aud": []}, e.WrongAudienceError),
        ({"aud": ["https://other.example"]}, e.WrongAudienceError),
        ({"aud": None}, e.InvalidClaimError),
        ({"aud": [API, 1]}, e.InvalidClaimError),
        ({"aud": {API: 1}}, e.InvalidClaimError),
    ],
)
def test_claims_that_are_refused(change: dict[str, object], error: type[TokenError]) -> None:
    with pytest.raises(error):
        check(ACCESS.sign({**CLAIMS, **change}))


@pytest.mark.parametrize(("name", "error"), [("exp", e.MissingClaimError), ("iss", e.WrongIssuerError), ("aud", e.WrongAudienceError)])  # fmt: skip
def test_absent_claims_that_are_refused(name: str, error: type[TokenError]) -> None:
    with pytest.raises(error):
        check(ACCESS.sign({key: value for key, value in CLAIMS.items() if key != name}))


def test_required_claims_leeway_and_lifetime() -> None:
    token = ACCESS.sign(CLAIMS)
    with pytest.raises(e.MissingClaimError, match="client_id, nonce"):
        check(token, replace(EXPECTED, required=frozenset({"jti", "nonce", "client_id"})))
    lenient = replace(EXPECTED, leeway=5)
    assert check(token, lenient, NOW + 294)
    with pytest.raises(e.TokenExpiredError):
        check(token, lenient, NOW + 295)
    assert check(token, lenient, NOW - 15)
    with pytest.raises(e.TokenNotYetValidError):
        check(token, lenient, NOW - 16)
    assert check(token, replace(EXPECTED, max_lifetime=300))
    with pytest.raises(e.LifetimeTooLongError):
        check(token, replace(EXPECTED, max_lifetime=299))
    without_iat = ACCESS.sign({key: value for key, value in CLAIMS.items() if key != "iat"})
    assert check(without_iat, replace(EXPECTED, max_lifetime=290))
    with pytest.raises(e.LifetimeTooLongError):
        check(without_iat, replace(EXPECTED, max_lifetime=289))


def test_audience_among_others_or_alone() -> None:
    both = ACCESS.sign({**CLAIMS, "aud": ["https://other.example", API]})
    assert check(both)
    alone = replace(EXPECTED, sole_audience=True)
    assert check(ACCESS.sign({**CLAIMS, "aud": [API]}), alone)
    with pytest.raises(e.WrongAudienceError):
        check(both, alone)


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b", "a.b.c.d", "a.b.c.d.e", "é.b.c", vectors.ACCESS_TOKEN + "=", vectors.ACCESS_TOKEN + "\n", " " + vectors.ACCESS_TOKEN, vectors.ACCESS_TOKEN.replace(".", "..", 1)],
)  # fmt: skip
def test_malformed_tokens(token: str) -> None:
    with pytest.raises(e.MalformedTokenError):
        check(token)


def test_size_depth_and_doubled_members_are_limited() -> None:
    with pytest.raises(e.MalformedTokenError, match="16384"):
        check(ACCESS.sign({**CLAIMS, "x": "y" * 12_500}))
    assert check(ACCESS.sign({**CLAIMS, "x": "y" * 11_000}))
    deep: object = 1
    for _ in range(15):
        deep = [deep]
    assert check(ACCESS.sign({**CLAIMS, "x": deep}))
    with pytest.raises(e.MalformedTokenError):
        check(ACCESS.sign({**CLAIMS, "x": [deep]}))
    with pytest.raises(e.MalformedTokenError):
        check(ACCESS.sign(json.dumps(CLAIMS)[:-1].encode() + b',"sub":"root"}'))


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_decoded_or_refused(text: str) -> None:
    with pytest.raises(e.MalformedTokenError):
        check(text)


MEMBERS = st.dictionaries(
    st.sampled_from(["typ", "alg", "kid", "crit", "iss", "aud", "exp", "nbf", "iat", "sub", "jti"]),
    st.sampled_from(["at+jwt", "ES256", "hb-2026-03", ISSUER, API, NOW, NOW + 60, 1e300, -1]) | st.none() | st.booleans()
    | st.integers(-(10**19), 10**19) | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.lists(st.sampled_from([API, 1])),
)  # fmt: skip


@settings(deadline=None)
@given(MEMBERS, MEMBERS)
def test_any_signed_token_is_accepted_or_refused_with_a_typed_error(header: object, claims: dict[str, object]) -> None:
    for head in (header, HEADER):
        try:
            accepted = check(raw(head, {**claims}), replace(EXPECTED, max_lifetime=600, leeway=3))
        except TokenError:
            continue
        assert accepted["iss"] == ISSUER


def test_decoded_tokens_cannot_be_changed_behind_the_cache() -> None:
    decoded = decode(ACCESS.sign(CLAIMS))
    with pytest.raises(TypeError):
        decoded.header["alg"] = "none"  # type: ignore[index]  # the refusal is what is shown
    assert "sign" not in repr(decoded)
