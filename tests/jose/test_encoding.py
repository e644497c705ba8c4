import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.jose.encoding import b64u_decode, b64u_encode, strict_object

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.binary(max_size=200))
def test_base64url_round_trip_agrees_with_the_standard_library(data: bytes) -> None:
    encoded = b64u_encode(data)
    assert encoded == base64.urlsafe_b64encode(data).rstrip(b"=")
    assert b64u_decode(encoded) == data


@given(st.binary(max_size=40))
def test_base64url_has_one_spelling_for_each_value(text: bytes) -> None:
    try:
        data = b64u_decode(text)
    except ValueError:
        return
    assert b64u_encode(data) == text


@pytest.mark.parametrize("text", [b"QQ==", b"QQ=", b"Q", b"QR", b"QUJ", b"+/+/", b"QQ\n", b" QQQQ", b"QQ!Q", b"\xff\xff\xff\xff"])  # fmt: skip
def test_base64url_refuses_other_spellings(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - binascii's own message differs by Python version
        b64u_decode(text)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), JSON_VALUES, max_size=4))
def test_strict_object_reads_what_others_wrote(value: dict[str, object]) -> None:
    assert strict_object(json.dumps(value).encode()) == value
    assert strict_object(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=300) | st.text(alphabet='{}[]",:\\u0d8a1e.-', max_size=80).map(str.encode))
def test_strict_object_gives_an_object_or_value_error(data: bytes) -> None:
    try:
        value = strict_object(data)
    except ValueError:
        return
    json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}', '{"a":{"b":1,"b":2}}', '{"a":1,"\\u0061":2}', "[]", "null", '"a"', "", "{", '{"a":1}x',
        '{"a":NaN}', '{"a":Infinity}', '{"a":-Infinity}', '{"a":1e999}', '{"a":' + "9" * 21 + "}",
        '{"a":"\\ud800"}', "\ufeff{}", '{"a":"\n"}', "{'a':1}",
    ],
)  # fmt: skip
def test_strict_object_refuses(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several parsers raise, one class is the contract
        strict_object(text.encode())


def test_strict_object_refuses_bytes_that_are_no_utf8() -> None:
    with pytest.raises(UnicodeDecodeError):
        strict_object(b'{"a":"\xff"}')


def test_depth_is_limited_and_brackets_in_text_do_not_count() -> None:
    assert strict_object(b'{"a":[[["' + b"[{" * 50 + b'\\"["]]]}', max_depth=4)
    assert strict_object(b'{"a":' + b"[{},{}," * 1 + b"{}" + b"]}", max_depth=3)
    with pytest.raises(ValueError, match="deeply"):
        strict_object(b'{"a":[[[["x"]]]]}', max_depth=4)
    with pytest.raises(ValueError, match="deeply"):
        strict_object(b"[" * 100_000)
