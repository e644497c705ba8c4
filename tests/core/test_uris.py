import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.core.uris import check_resource, is_host, is_loopback_host, origin_of, split_uri


@pytest.mark.req("RI-06", "TX-18")
@pytest.mark.parametrize(
    "uri",
    [
        "/api",
        "api.example",
        "",
        "https://api.example/#",
        "https://api.example/#x",
        "https://api.example/ü",
        "https:",
        "https://a.example/ b",
    ],
)
def test_refuses_malformed_resources(uri: str) -> None:
    assert check_resource(uri) is not None


@pytest.mark.req("RI-06", "RI-14")
@pytest.mark.parametrize(
    "uri", ["https://api.example", "https://api.example/t1?x=1", "urn:example:api", "com.example.api:/x"]
)
def test_accepts_absolute_resources(uri: str) -> None:
    assert check_resource(uri) is None


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        ("https://App.example/cb?x", "https://app.example"),
        ("https://app.example:443/cb", "https://app.example"),
        ("https://app.example:8443/cb", "https://app.example:8443"),
        ("http://localhost:3000/", "http://localhost:3000"),
        ("http://[::1]:80/", "http://[::1]"),
        ("com.example.app:/cb", None),
        ("com.example.app://cb", None),
        ("null", None),
        ("https:///x", None),
    ],
)
def test_origin(uri: str, origin: str | None) -> None:
    assert origin_of(uri) == origin


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.0.9", "[::1]"])
def test_loopback_hosts(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    ["127.1", "127.0.0.1.example", "localhost.example", "[::2]", "128.0.0.1", "0.0.0.0", ""],  # noqa: S104 - nothing binds here
)
def test_other_hosts(host: str) -> None:
    assert not is_loopback_host(host)


@pytest.mark.parametrize("host", ["a", "a.example", "xn--bcher-kva.example", "10.0.0.1", "[2001:db8::1]", "my_service"])
def test_hosts(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    ["", "A.example", "a..example", "-a", "a-", "10.0.0", "0x7f.1", "[::1", "[v1.x]", "a" * 64, "ü", "a.example."],
)
def test_no_hosts(host: str) -> None:
    assert not is_host(host)


@given(st.text() | st.from_regex(r"[a-z]{1,5}:[!-~]{0,60}", fullmatch=True))
def test_splitting_loses_nothing(text: str) -> None:
    parts = split_uri(text)
    if parts is None:
        return
    again = parts.scheme + ":"
    again += "" if parts.authority is None else "//" + parts.authority
    again += parts.path
    again += "" if parts.query is None else "?" + parts.query
    again += "" if parts.fragment is None else "#" + parts.fragment
    assert again == text
