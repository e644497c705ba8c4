import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.core.errors import InvalidRequestError
from grantd.resource import bearer_challenge, bearer_token

PARAMETER = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def parse(challenge: str) -> dict[str, str]:
    """Read a challenge by the grammar of RFC 9110 section 11; fails on doubles and on anything between."""
    scheme, _, rest = challenge.partition(" ")
    assert scheme == "Bearer"
    found = PARAMETER.findall(rest)
    assert ", ".join(f'{name}="{value}"' for name, value in found) == rest
    assert found
    assert len({name for name, _ in found}) == len(found)
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in found}


@pytest.mark.req("OA21-122")
def test_a_challenge_has_its_parameters_once_and_quoted() -> None:
    challenge = bearer_challenge(
        realm='the "tides" \\ api',
        scope=("tides.read", "tides.write"),
        error="insufficient_scope",
        error_description='more "scope" \\ ü',
        resource_metadata="https://tides.harbour.example/.well-known/oauth-protected-resource/api",
    )
    assert parse(challenge) == {
        "realm": 'the "tides" \\ api',
        "scope": "tides.read tides.write",
        "error": "insufficient_scope",
        "error_description": "more ?scope? ? ?",
        "resource_metadata": "https://tides.harbour.example/.well-known/oauth-protected-resource/api",
    }
    assert bearer_challenge(realm="api") == 'Bearer realm="api"'


@pytest.mark.req("OA21-122")
def test_an_empty_challenge_is_not_written() -> None:
    with pytest.raises(ValueError, match="at least one"):
        bearer_challenge()


@pytest.mark.parametrize("arguments", [{"realm": "a\r\nx: y"}, {"realm": "ü"}, {"scope": ("a b",)}, {"scope": ("",)}, {"scope": ('a"',)}, {"resource_metadata": 'https://x/"'}, {"resource_metadata": "https://x/\n"}, {"error": "\0"}])  # fmt: skip
def test_values_that_do_not_fit_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"header value|scope|URL"):
        bearer_challenge(**arguments)  # type: ignore[arg-type]  # one table for all arguments


@pytest.mark.req("OA21-122")
@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1), st.text())
def test_any_text_is_quoted_so_that_it_reads_back(realm: str, description: str) -> None:
    parsed = parse(bearer_challenge(realm=realm, error="invalid_token", error_description=description))
    assert parsed["realm"] == realm
    assert len(parsed.get("error_description", "")) == len(description)


@pytest.mark.req("OA21-116")
@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER", b"bEaReR"])
def test_the_scheme_has_no_letter_case(scheme: bytes) -> None:
    assert bearer_token([(b"host", b"x"), (b"authorization", scheme + b" abc.DEF-_~+/==")]) == "abc.DEF-_~+/=="


@pytest.mark.parametrize("value", [b"Basic abc", b"DPoP abc", b"Bearer2 abc", b"", b"abc"])
def test_other_schemes_bring_no_bearer_token(value: bytes) -> None:
    assert bearer_token([(b"authorization", value)]) is None
    assert bearer_token([]) is None


@pytest.mark.req("OA21-119")
def test_several_authorization_headers_are_an_invalid_request() -> None:
    for pair in (b"Bearer a", b"Bearer a"), (b"Bearer a", b"Basic b"), (b"Basic b", b"DPoP c"):
        with pytest.raises(InvalidRequestError):
            bearer_token([(b"authorization", value) for value in pair])


@pytest.mark.parametrize("value", [b"Bearer", b"Bearer ", b"Bearer a b", b"Bearer a,Bearer b", b'Bearer "a"', b"Bearer a=b", b"Bearer =", b"Bearer \xc3\xa9", b"Bearer a\x00", b"Bearer a\n", b"Bearer\ta"])  # fmt: skip
def test_malformed_credentials(value: bytes) -> None:
    if value == b"Bearer\ta":
        assert bearer_token([(b"authorization", value)]) is None
        return
    with pytest.raises(InvalidRequestError):
        bearer_token([(b"authorization", value)])


@given(st.binary(max_size=60))
def test_any_header_gives_a_token_nothing_or_a_typed_error(value: bytes) -> None:
    try:
        token = bearer_token([(b"authorization", value)])
    except InvalidRequestError:
        return
    assert token is None or re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", token)
