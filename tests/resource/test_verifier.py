import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.jose import vectors
from tests.resource.support import API, ISSUER, KEY, NOW, jwks, token, token_with, verifier

from grantd.core.clock import ManualClock
from grantd.jose import SigningKey
from grantd.jose import errors as jose
from grantd.resource import AccessTokenVerifier, InvalidTokenError, StaticKeys

CHECK = verifier().check


def refused(text: str, reason: type[Exception] | None) -> None:
    with pytest.raises(InvalidTokenError) as caught:
        CHECK(text)
    assert (caught.value.code, caught.value.status) == ("invalid_token", 401)
    assert type(caught.value.__cause__) is (reason or type(None))
    assert text not in caught.value.description + caught.value.detail


@pytest.mark.req("OA21-114", "JAT-13")
def test_a_valid_token_says_who_and_what() -> None:
    access = CHECK(token())
    assert (access.issuer, access.subject, access.client_id, access.token_id) == (ISSUER, "u-1", "fleet-web-7", "at-1")
    assert access.scopes == {"tides.read", "tides.write"}
    assert access.audience == (API,)
    assert access.expires_at == NOW + 300
    assert access.claims["sub"] == "u-1"
    assert CHECK(token(aud=["https://other.example", API])).audience == ("https://other.example", API)
    assert CHECK(token(scope=None)).scopes == frozenset()
    assert CHECK(token(typ="application/at+jwt")).subject == "u-1"


@pytest.mark.req("JAT-12")
@pytest.mark.parametrize(
    "typ", ["JWT", "jwt", "id_token+jwt", "client-authentication+jwt", "dpop+jwt", "at", "at+jwt;v=1"]
)
def test_any_other_typ_is_refused(typ: str) -> None:
    refused(token(typ=typ), jose.WrongTypeError)


@pytest.mark.req("INTR-15")
def test_an_introspection_jwt_does_not_pass_as_access_token() -> None:
    inner = {"active": True, "sub": "u-1", "scope": "tides.read", "aud": API}
    refused(token(typ="token-introspection+jwt", token_introspection=inner), jose.WrongTypeError)
    refused(token(typ="application/token-introspection+jwt"), jose.WrongTypeError)


@pytest.mark.req("JAT-13", "OA21-114")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": ISSUER + "/"}, jose.WrongIssuerError),
        ({"iss": "https://LOGIN.harbour.example"}, jose.WrongIssuerError),
        ({"exp": NOW}, jose.TokenExpiredError),
        ({"nbf": NOW + 1}, jose.TokenNotYetValidError),
        ({"iat": NOW + 1}, jose.TokenNotYetValidError),
        ({"client_id": 7}, jose.InvalidClaimError),
        ({"scope": ["tides.read"]}, jose.InvalidClaimError),
    ],
)
def test_each_rule_failing_alone_is_refused(changes: dict[str, object], reason: type[Exception]) -> None:
    refused(token_with(changes), reason)


@pytest.mark.req("OA21-115", "RI-16", "JAT-13")
@pytest.mark.parametrize(
    "aud", ["https://other.example", API + "/", API.upper(), API[:-1], ["https://other.example"], []]
)
def test_a_token_for_somebody_else_is_refused(aud: object) -> None:
    refused(token(aud=aud), jose.WrongAudienceError)


@pytest.mark.parametrize("name", ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"])
def test_a_token_without_a_required_claim_is_refused(name: str) -> None:
    refused(token_with({name: None}), jose.MissingClaimError)


@pytest.mark.req("JAT-13")
def test_signatures_of_others_are_refused() -> None:
    refused(token(SigningKey.generate("ES256", kid="k1")), jose.BadSignatureError)
    refused(token(SigningKey.generate("ES256", kid="k2")), jose.UnknownKeyError)
    refused(token(SigningKey.generate("EdDSA", kid="k1")), jose.UnknownKeyError)
    head, _, _ = token().rpartition(".")
    refused(head + ".", jose.BadSignatureError)
    refused("opaque", jose.MalformedTokenError)


@pytest.mark.req("JAT-18")
@pytest.mark.parametrize("cnf", [{"jkt": "x"}, {"x5t#S256": "x"}, {"unknown": 1}, {}, "text"])
def test_a_bound_token_is_refused_while_its_binding_cannot_be_checked(cnf: object) -> None:
    refused(token(cnf=cnf), None)


@pytest.mark.req("JAT-18")
def test_the_bound_token_of_the_digest_is_refused() -> None:
    keys = StaticKeys({"keys": [vectors.public(vectors.HB_2026_03)]})
    check = AccessTokenVerifier(ISSUER, API, keys, clock=ManualClock(NOW + 40)).check
    with pytest.raises(InvalidTokenError, match="sender-constrained"):
        check(vectors.ACCESS_TOKEN)


def test_algorithms_can_be_narrowed_and_never_widened() -> None:
    keys = StaticKeys(jwks(KEY))
    narrow = AccessTokenVerifier(ISSUER, API, keys, algorithms=("EdDSA",), clock=ManualClock(NOW))
    with pytest.raises(InvalidTokenError):
        narrow.check(token())
    for algorithms in (("none",), ("HS256",), ("ES256", "none"), ()):
        with pytest.raises(ValueError, match="algorithms"):
            AccessTokenVerifier(ISSUER, API, keys, algorithms=algorithms)
    with pytest.raises(ValueError, match="audience"):
        AccessTokenVerifier(ISSUER, (), keys)


@pytest.mark.req("JAT-02")
@pytest.mark.parametrize("alg", ["RS256", "EdDSA", "PS256"])
def test_other_algorithms_of_the_issuer(alg: str) -> None:
    key = SigningKey.generate(alg, kid="k9")
    check = AccessTokenVerifier(ISSUER, API, StaticKeys(jwks(key)), clock=ManualClock(NOW)).check
    assert check(token(key)).subject == "u-1"


def test_leeway_covers_small_differences_of_clocks() -> None:
    clock = ManualClock(NOW + 304)
    check = AccessTokenVerifier(ISSUER, API, StaticKeys(jwks(KEY)), leeway=5, clock=clock).check
    assert check(token()).subject == "u-1"
    clock.advance(1)
    with pytest.raises(InvalidTokenError):
        check(token())


@given(st.text(max_size=200))
def test_any_text_is_an_invalid_token(text: str) -> None:
    with pytest.raises(InvalidTokenError):
        CHECK(text)
