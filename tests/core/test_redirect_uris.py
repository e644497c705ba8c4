from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.core.redirect_uris import (
    RESPONSE_PARAMETERS,
    add_response_parameters,
    check_redirect_uri,
    match_any_redirect_uri,
    match_redirect_uri,
)


@pytest.mark.req("OA21-006", "OA21-007", "NAT-07", "NAT-31")
@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/cb",
        "https://app.example/",
        "https://app.example:8443/cb?tenant=blue",
        "https://[2001:db8::1]/cb",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:8080/cb",
        "http://[::1]:8080/cb",
        "http://localhost:3000/cb",
        "com.example.app:/cb",
        "com.example.app://callback",
    ],
)
def test_registers_the_usual_kinds(uri: str) -> None:
    assert check_redirect_uri(uri) is None


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        pytest.param("https://a.example/*", "wildcards", marks=pytest.mark.req("OA21-006", "BCP-03")),
        pytest.param("https://*.a.example/cb", "wildcards", marks=pytest.mark.req("OA21-006", "BCP-03")),
        pytest.param("https://a.example/cb?x=*", "wildcards", marks=pytest.mark.req("BCP-03")),
        pytest.param("https://a.example", "path included", marks=pytest.mark.req("OA21-006")),
        pytest.param("https://a.example?x=1", "path included", marks=pytest.mark.req("OA21-006")),
        pytest.param("/cb", "absolute", marks=pytest.mark.req("OA21-007")),
        pytest.param("//a.example/cb", "absolute", marks=pytest.mark.req("OA21-007")),
        pytest.param("a.example/cb", "absolute", marks=pytest.mark.req("OA21-007")),
        pytest.param("", "absolute", marks=pytest.mark.req("OA21-007")),
        pytest.param("https://a.example/cb#x", "fragment", marks=pytest.mark.req("OA21-008")),
        pytest.param("https://a.example/cb#", "fragment", marks=pytest.mark.req("OA21-008")),
        pytest.param("myapp:/cb", "period", marks=pytest.mark.req("OA21-012", "NAT-09")),
        pytest.param("com.example.app:", "path included", marks=pytest.mark.req("OA21-006")),
        pytest.param("com.example.app:/", "path included", marks=pytest.mark.req("OA21-006")),
        pytest.param("http://app.example/cb", "http is allowed", marks=pytest.mark.req("OA21-018", "BCP-04")),
        pytest.param(
            "http://127.0.0.1.evil.example/cb", "http is allowed", marks=pytest.mark.req("OA21-018", "NAT-14")
        ),
        pytest.param("http://127.1/cb", "http is allowed", marks=pytest.mark.req("NAT-14")),
        pytest.param("http://0.0.0.0/cb", "http is allowed", marks=pytest.mark.req("NAT-14")),
        pytest.param("http://127.0.0.1@evil.example/cb", "user name", marks=pytest.mark.req("NAT-14")),
        pytest.param("https://user:pw@a.example/cb", "user name", marks=pytest.mark.req("NAT-14")),
        pytest.param("https://@a.example/cb", "user name", marks=pytest.mark.req("NAT-14")),
        pytest.param("javascript:alert(1)", "never allowed", marks=pytest.mark.req("NAT-11")),
        pytest.param("data:text/html,x", "never allowed", marks=pytest.mark.req("NAT-11")),
        pytest.param("JavaScript:alert(1)", "lower case", marks=pytest.mark.req("NAT-11")),
        pytest.param("file:///etc/passwd", "never allowed", marks=pytest.mark.req("NAT-11")),
        pytest.param("mailto:a@b.example", "never allowed", marks=pytest.mark.req("NAT-11")),
        pytest.param("intent://x/#Intent", "fragment", marks=pytest.mark.req("NAT-11")),
        pytest.param("view-source:https://a.example/", "never allowed", marks=pytest.mark.req("NAT-11")),
        ("https://a.example/x/../cb", "segments"),
        ("https://a.example/x/%2E%2e/cb", "segments"),
        ("https://a.example\\@evil.example/cb", "absolute"),
        ("https://a.example/c b", "absolute"),
        ("https://a.example/cb\n", "absolute"),
        ("https://a.example/cb\x00", "absolute"),
        ("https://a.example/%zz", "absolute"),
        ("https://bücher.example/cb", "absolute"),
        ("https:///cb", "host"),
        ("https:/cb", "host"),
        ("https://a.example:0/cb", "absolute"),
        ("https://a.example:70000/cb", "absolute"),
        ("https://a.example:/cb", "absolute"),
        ("https://300.1.1.1/cb", "host"),
        ("https://[::zz]/cb", "absolute"),
        ("https://-a.example/cb", "host"),
        ("https://a.example/" + "x" * 2048, "2048"),
    ],
)
def test_refuses_with_a_sentence(uri: str, says: str) -> None:
    problem = check_redirect_uri(uri)
    assert problem is not None
    assert says in problem


@pytest.mark.parametrize("name", sorted(RESPONSE_PARAMETERS))
def test_refuses_a_query_with_the_name_of_a_response_parameter(name: str) -> None:
    encoded = f"%{ord(name[0]):02x}{name[1:]}"
    for query in (f"{name}=1", f"a=1&{name}", f"{encoded}=1"):
        problem = check_redirect_uri(f"https://app.example/cb?{query}")
        assert problem is not None
        assert name in problem
    assert check_redirect_uri(f"https://app.example/cb?x_{name}=1") is None


@pytest.mark.req("OA21-155")
def test_a_native_client_may_register_a_claimed_https_uri() -> None:
    assert check_redirect_uri("https://app.example/cb", application_type="native") is None


@pytest.mark.req("NAT-31")
@pytest.mark.parametrize("uri", ["http://127.0.0.1/cb", "http://localhost/cb", "com.example.app:/cb"])
def test_a_web_client_registers_https_only(uri: str) -> None:
    problem = check_redirect_uri(uri, application_type="web")
    assert problem is not None
    assert "native" in problem
    assert check_redirect_uri("https://app.example/cb", application_type="web") is None


@pytest.mark.req("OA21-010", "OA21-147", "BCP-01", "NAT-22", "ASM-13")
@pytest.mark.parametrize(
    "requested",
    [
        "https://app.example/cb/",
        "https://app.example/CB",
        "https://App.example/cb",
        "HTTPS://app.example/cb",
        "https://app.example:443/cb",
        "https://app.example/cb?",
        "https://app.example/cb?x=1",
        "https://app.example/cb#f",
        "https://app.example/cb/../cb",
        "https://app.example/%63b",
        "https://app.example/cb\n",
        "https://app.example:8443/cb",
        "https://app.example.evil.example/cb",
        "",
    ],
)
def test_compares_code_point_by_code_point(requested: str) -> None:
    assert match_redirect_uri("https://app.example/cb", "https://app.example/cb")
    assert not match_redirect_uri(requested, "https://app.example/cb")


@pytest.mark.req("OA21-011", "BCP-02", "NAT-14")
@pytest.mark.parametrize(
    ("requested", "registered", "matches"),
    [
        ("http://127.0.0.1:49231/cb", "http://127.0.0.1/cb", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:8080/cb", True),
        ("http://127.0.0.1:1/cb", "http://127.0.0.1:8080/cb", True),
        ("http://[::1]:49231/cb?a=1", "http://[::1]/cb?a=1", True),
        ("http://127.0.0.1:49231/cb2", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:49231/cb?a=2", "http://127.0.0.1/cb?a=1", False),
        ("http://127.0.0.1:49231/cb#x", "http://127.0.0.1/cb", False),
        ("http://[::1]:49231/cb", "http://127.0.0.1/cb", False),
        ("http://localhost:49231/cb", "http://localhost/cb", False),
        ("http://localhost:49231/cb", "http://127.0.0.1/cb", False),
        ("https://127.0.0.1:49231/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:0/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:70000/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:080/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:1@evil.example/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1.evil.example/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:49231\\@evil.example/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:٤٩٢/cb", "http://127.0.0.1/cb", False),
        ("https://127.0.0.1:2/cb", "https://127.0.0.1/cb", False),
    ],
)
def test_the_port_of_a_loopback_address_may_vary(requested: str, registered: str, matches: bool) -> None:  # noqa: FBT001 - a table
    assert match_redirect_uri(requested, registered) is matches


def test_matches_any_registered_one() -> None:
    registered = ("https://a.example/cb", "http://127.0.0.1/cb")
    assert match_any_redirect_uri("http://127.0.0.1:5/cb", registered)
    assert not match_any_redirect_uri("https://b.example/cb", registered)


@pytest.mark.req("OA21-009", "ISS-05")
def test_keeps_the_query_of_the_redirect_uri() -> None:
    uri = add_response_parameters(
        "https://a.example/cb?t=1", [("code", "c-1"), ("state", "a b&c=ü"), ("iss", "https://as.example")]
    )
    assert uri == "https://a.example/cb?t=1&code=c-1&state=a+b%26c%3D%C3%BC&iss=https%3A%2F%2Fas.example"


@pytest.mark.req("OA21-009")
def test_adds_a_query_where_there_is_none() -> None:
    assert add_response_parameters("https://a.example/cb", [("code", "x")]) == "https://a.example/cb?code=x"
    assert add_response_parameters("https://a.example/cb?", [("code", "x")]) == "https://a.example/cb?code=x"
    assert add_response_parameters("https://a.example/cb", []) == "https://a.example/cb"


@given(st.lists(st.tuples(st.sampled_from(["code", "state", "error"]), st.text(min_size=1).filter(str.isprintable))))
def test_parameters_survive_the_trip(parameters: list[tuple[str, str]]) -> None:
    uri = add_response_parameters("https://a.example/cb?t=1", parameters)
    assert parse_qsl(urlsplit(uri).query) == [("t", "1"), *parameters]


@given(st.text() | st.from_regex(r"https?://[!-~]{0,40}", fullmatch=True))
def test_any_text_gets_an_answer_and_accepted_ones_are_harmless(text: str) -> None:
    if check_redirect_uri(text) is None:
        assert text.isascii()
        assert "#" not in text
        assert "*" not in text
        assert match_redirect_uri(text, text)
        if text.startswith("http"):
            assert "@" not in urlsplit(text).netloc
            assert urlsplit(text).hostname


@given(st.text(), st.from_regex(r"http://(127\.0\.0\.1|localhost)(:[0-9]{1,6})?/[a-z]{0,4}", fullmatch=True))
def test_matching_never_fails(tail: str, uri: str) -> None:
    assert match_redirect_uri(uri + tail, uri) is (tail == "")
