"""OAuth 2.1 sections 3.1, 3.2 and appendix B: decoding of queries and form bodies."""

import re
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.core.errors import InvalidRequestError
from grantd.server.http.forms import Parameters, form_body, parse
from grantd.server.http.messages import Request
from grantd.server.settings.model import LimitSettings

LIMITS = LimitSettings()
REPEATABLE = frozenset({"resource"})
FORM = b"application/x-www-form-urlencoded"


def read(raw: bytes, *, defer: bool = False) -> Parameters:
    return parse(raw, repeatable=REPEATABLE, limits=LIMITS, defer=defer)


def refusal(raw: bytes) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        read(raw)
    assert caught.value.code == "invalid_request"
    return caught.value.description


@pytest.mark.req("OA21-088")
def test_plus_is_a_space_and_escapes_are_utf8() -> None:
    parameters = read(b"id=fleet%3Aweb%2F7&secret=p%2B4+%C3%9F%25&plain=a.b-c_d~e")
    assert dict(parameters.items()) == {"id": "fleet:web/7", "secret": "p+4 ß%", "plain": "a.b-c_d~e"}


@pytest.mark.req("OA21-088")
def test_bare_utf8_octets_are_read_too() -> None:
    assert read("name=Straße%21&b=ü%C3%9F".encode()).get("name") == "Straße!"
    assert read("name=Straße%21&b=ü%C3%9F".encode()).get("b") == "üß"


@pytest.mark.req("OA21-038", "OA21-074")
def test_unknown_parameters_are_kept_and_harmless() -> None:
    parameters = read(b"scope=a&foo=1&novalue&=noname")
    assert parameters.get("scope") == "a"
    assert parameters.get("foo") == "1"
    assert parameters.get("novalue") is None


@pytest.mark.req("OA21-060")
def test_names_are_case_sensitive() -> None:
    assert read(b"Scope=a").get("scope") is None


@pytest.mark.req("OA21-040", "OA21-074")
@pytest.mark.parametrize("raw", [b"scope=", b"scope", b"scope=&scope=", b"a=1&scope=&b=2", b"sc%6Fpe="])
def test_an_empty_parameter_is_absent(raw: bytes) -> None:
    parameters = read(raw)
    assert parameters.get("scope") is None
    assert parameters.all("scope") == ()
    assert "scope" not in parameters


@pytest.mark.req("OA21-040")
def test_an_empty_twin_does_not_repeat() -> None:
    assert read(b"scope=&scope=a&scope=").get("scope") == "a"


@pytest.mark.req("OA21-039", "OA21-074")
@pytest.mark.parametrize(
    "raw", [b"code=a&code=b", b"code=a&code=a", b"code=a&x=1&c%6fde=b", b"x=%20&code=a&code=b&code=c"]
)
def test_a_repeated_parameter_is_refused_by_name(raw: bytes) -> None:
    assert "'code' is repeated" in refusal(raw)


@pytest.mark.req("OA21-039")
def test_a_repeatable_parameter_keeps_all_its_values() -> None:
    parameters = read(b"resource=https%3A%2F%2Fa&resource=b&resource=&resource=a")
    assert parameters.all("resource") == ("https://a", "b", "a")
    assert list(parameters.items()) == [("resource", "https://a"), ("resource", "b"), ("resource", "a")]
    with pytest.raises(InvalidRequestError, match="resource"):
        parameters.get("resource")
    assert parameters.peek("resource") is None


def test_a_repeatable_parameter_may_be_single() -> None:
    parameters = read(b"resource=a")
    assert parameters.all("resource") == ("a",)
    assert parameters.get("resource") == "a"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"state=%", "'state' holds a malformed percent escape"),
        (b"state=%4", "'state' holds a malformed percent escape"),
        (b"state=a%zz", "'state' holds a malformed percent escape"),
        (b"state=%+1", "'state' holds a malformed percent escape"),
        (b"state=%%", "'state' holds a malformed percent escape"),
        (b"state=%%41", "'state' holds a malformed percent escape"),
        (b"state=%41%%%", "'state' holds a malformed percent escape"),
        (b"state==%4", "'state' holds a malformed percent escape"),
        (b"state=%\n", "'state' holds a malformed percent escape"),
        (b"state=%C3%9F%", "'state' holds a malformed percent escape"),
        (b"state=%ff", "'state' is not UTF-8"),
        (b"state=\xff", "'state' is not UTF-8"),
        (b"state=%C3", "'state' is not UTF-8"),
        (b"state=%ed%a0%80", "'state' is not UTF-8"),
        (b"state=%c0%af", "'state' is not UTF-8"),
        (b"state=%00", "'state' holds a control character"),
        (b"state=\x00", "'state' holds a control character"),
        (b"state=a%0d%0aSet-Cookie:x", "'state' holds a control character"),
        (b"state=a\r\n", "'state' holds a control character"),
        (b"state=%7f", "'state' holds a control character"),
        (b"state=%C2%85", "'state' holds a control character"),
        (b"state=\xc2\x85%20", "'state' holds a control character"),
        (b"st%00ate=a", "parameter 'st%00ate' holds a control character"),
        (b"st%zzate=a", "parameter 'st%zzate' holds a malformed"),
        (b"%ff=", "parameter '%ff' is not UTF-8"),
    ],
)
def test_malformed_text_is_refused_by_name(raw: bytes, words: str) -> None:
    assert words in refusal(raw)
    assert words in refusal(b"a=1&" + raw + b"&b=2")


@pytest.mark.req("OA21-086")
@given(st.text())
def test_a_hostile_name_stays_inside_the_error_alphabet(name: str) -> None:
    quoted = urllib.parse.quote(name).encode() or b"x"
    with pytest.raises(InvalidRequestError) as caught:
        read(quoted + b"=1&" + quoted + b"=2&")
    assert all(0x20 <= ord(c) < 0x7F and c not in '"\\' for c in caught.value.description)


def test_a_long_name_is_shortened_in_the_error() -> None:
    assert len(refusal(b"n" * 8000 + b"=%zz")) < 150


def test_require_names_the_missing_parameter() -> None:
    for raw in (b"", b"a=1", b"code="):
        with pytest.raises(InvalidRequestError, match="'code' is missing"):
            read(raw).require("code")
    assert read(b"code=x").require("code") == "x"


def test_deferred_faults_leave_the_other_parameters_readable() -> None:
    parameters = read(b"client_id=c&scope=a&scope=b&state=s&nonce=%zz&%zz=1&redirect_uri=https%3A%2F%2Fa", defer=True)
    assert parameters.require("client_id") == "c"
    assert parameters.get("redirect_uri") == "https://a"
    assert parameters.get("state") == "s"
    assert set(parameters.faults) == {"scope", "nonce", "%zz"}
    for name in ("scope", "nonce"):
        for way in (parameters.get, parameters.all, parameters.require):
            with pytest.raises(InvalidRequestError, match=name):
                way(name)
        assert parameters.peek(name) is None
        assert name in parameters
    assert sorted(parameters) == ["%zz", "client_id", "nonce", "redirect_uri", "scope", "state"]
    assert len(parameters) == 6
    assert "scope" not in dict(parameters.items())
    with pytest.raises(InvalidRequestError, match="nonce"):
        parameters.check()


def test_a_value_before_a_faulty_twin_is_not_readable() -> None:
    parameters = read(b"client_id=good&client_id=%zz", defer=True)
    assert parameters.peek("client_id") is None
    with pytest.raises(InvalidRequestError):
        parameters.get("client_id")


def test_sound_parameters_pass_the_check() -> None:
    parameters = read(b"a=1", defer=True)
    parameters.check()
    assert parameters.faults == {}


def test_the_number_of_parameters_is_limited_even_when_deferred() -> None:
    limits = LimitSettings(parameter_count=3)
    assert len(parse(b"a=1&b=2&c=3", repeatable=REPEATABLE, limits=limits)) == 3
    for raw in (b"a=1&b=2&c=3&d=4", b"&&&"):
        with pytest.raises(InvalidRequestError, match="more than 3"):
            parse(raw, repeatable=REPEATABLE, limits=limits, defer=True)


@pytest.mark.parametrize("sent", [b"v=12345678", b"v=1234567%38", "v=ßßßß".encode(), b"v=%C3%9F%C3%9F%C3%9F%C3%9F"])
def test_the_length_of_a_value_is_limited_in_decoded_bytes(sent: bytes) -> None:
    assert parse(sent, repeatable=REPEATABLE, limits=LimitSettings(parameter_bytes=8)).get("v")
    with pytest.raises(InvalidRequestError, match="'v' is longer than 7 bytes"):
        parse(sent, repeatable=REPEATABLE, limits=LimitSettings(parameter_bytes=7))


def test_the_length_of_a_name_is_limited() -> None:
    with pytest.raises(InvalidRequestError, match="'abcdefgh' is longer"):
        parse(b"abcdefgh=", repeatable=REPEATABLE, limits=LimitSettings(parameter_bytes=7))


def test_the_representation_shows_no_value() -> None:
    assert repr(read(b"client_secret=hunter2")) == "Parameters('client_secret')"


PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=50)


@pytest.mark.req("OA21-088")
@given(st.dictionaries(PRINTABLE, PRINTABLE, max_size=20))
def test_round_trip_with_an_independent_encoder(values: dict[str, str]) -> None:
    assert dict(read(urllib.parse.urlencode(values).encode()).items()) == values


@given(st.lists(PRINTABLE, min_size=2, max_size=8))
def test_round_trip_of_repeated_values(values: list[str]) -> None:
    assert read(urllib.parse.urlencode({"resource": values}, doseq=True).encode()).all("resource") == tuple(values)


@given(st.text("%0aAf=+g.", max_size=30))
def test_escapes_are_decoded_as_an_independent_decoder_does(text: str) -> None:
    sound = all(re.match("[0-9A-Fa-f]{2}", rest) for rest in text.split("%")[1:])
    parameters = read(f"v=.{text}".encode(), defer=True)
    assert sound == ("percent escape" not in parameters.faults.get("v", ""))
    if not parameters.faults:
        assert parameters.get("v") == "." + urllib.parse.unquote_plus(text, errors="strict")


WIRE = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from([b"a", b"=", b"&", b"%", b"%41", b"%zz", b"+", b"%C3", b"%9F", b"\xc3\x9f", b"\x00"])).map(
        b"".join
    ),
)


@given(WIRE, st.booleans())
def test_arbitrary_bytes_raise_nothing_else_and_limits_hold(raw: bytes, defer: bool) -> None:  # noqa: FBT001 - drawn
    limits = LimitSettings(parameter_count=8, parameter_bytes=40)
    try:
        parameters = parse(raw, repeatable=REPEATABLE, limits=limits, defer=defer)
    except InvalidRequestError:
        return
    assert len(parameters) <= 8
    for name, value in parameters.items():
        assert 0 < len(value.encode()) <= 40
        assert len(name.encode()) <= 40
        assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in name + value)
    for name in parameters:
        parameters.peek(name)
        try:
            parameters.all(name)
        except InvalidRequestError:
            assert name in parameters.faults


@pytest.mark.parametrize(
    "content_type",
    [
        FORM,
        b"Application/X-WWW-Form-Urlencoded",
        FORM + b"; charset=utf-8",
        FORM + b';charset="UTF-8"',
        FORM + b" ; Charset = utf8",
    ],
)
@pytest.mark.req("OA21-088")
def test_form_bodies_with_a_good_content_type(content_type: bytes) -> None:
    request = Request("POST", "/token", headers=[(b"content-type", content_type)], body=b"a=1+2")
    assert form_body(request, repeatable=REPEATABLE, limits=LIMITS).get("a") == "1 2"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-type", b"")],
        [(b"content-type", b"application/json")],
        [(b"content-type", b"multipart/form-data; boundary=x")],
        [(b"content-type", FORM + b"x")],
        [(b"content-type", FORM + b"; charset=iso-8859-1")],
        [(b"content-type", FORM + b"; charset=utf-8; charset=utf-16")],
        [(b"content-type", FORM), (b"content-type", FORM)],
        [(b"content-type", FORM), (b"content-encoding", b"gzip")],
    ],
)
def test_other_content_types_are_refused(headers: list[tuple[bytes, bytes]]) -> None:
    request = Request("POST", "/token", headers=headers, body=b"a=1")
    with pytest.raises(InvalidRequestError, match="send the"):
        form_body(request, repeatable=REPEATABLE, limits=LIMITS)


def test_a_form_body_may_defer() -> None:
    request = Request("POST", "/authorize", headers=[(b"content-type", FORM)], body=b"a=1&a=2&b=3")
    parameters = form_body(request, repeatable=REPEATABLE, limits=LIMITS, defer=True)
    assert parameters.get("b") == "3"
    assert "a" in parameters.faults
