import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.core.issuers import check_issuer, endpoint_url, issuer_authority, issuer_path, well_known_paths


@pytest.mark.req("ISS-02", "OA21-138")
@pytest.mark.parametrize(
    "issuer",
    [
        "https://as.example",
        "https://as.example/",
        "https://as.example/t/blue",
        "https://as.example:8443",
        "https://[2001:db8::1]",
        "http://localhost:9400",
        "http://127.0.0.1:9400/t",
        "http://127.9.9.9",
        "http://[::1]:9400",
    ],
)
def test_accepts(issuer: str) -> None:
    assert check_issuer(issuer) is None


@pytest.mark.req("ISS-02", "OA21-138")
@pytest.mark.parametrize(
    ("issuer", "wrong", "right"),
    [
        ("http://as.example", "https://", "https"),
        ("ftp://localhost", "https://", "https"),
        ("https://as.example?x", "query", "leave out"),
        ("https://as.example#", "fragment", "leave out"),
        ("https://user@as.example", "user name", "before @"),
        ("https://As.example", "upper-case", "lower case"),
        ("HTTPS://as.example", "upper-case", "lower case"),
        ("https://bücher.example", "ASCII", "xn--bcher-kva.example"),
        ("https://as.example:443", "default port", ":443"),
        ("http://localhost:80", "default port", ":80"),
        ("https://as.example:99999", "absolute", "https://"),
        ("https://", "host", "DNS name"),
        ("https:as.example", "host", "DNS name"),
        ("https://as.example/a//b", "empty segments", "letters"),
        ("https://as.example/a%20b", "percent", "letters"),
        ("https://as.example/*", "wildcards", "letters"),
        ("https://as.example/../b", "segment", "another"),
        ("https://as.example/.well-known/x", "segment", "another"),
        ("https://as..example", "host", "DNS name"),
        ("as.example", "absolute", "https://"),
        ("", "absolute", "https://"),
    ],
)
def test_refuses(issuer: str, wrong: str, right: str) -> None:
    problem = check_issuer(issuer)
    assert problem is not None
    assert wrong in problem.wrong
    assert right in problem.right


@pytest.mark.req("ASM-01", "ASM-02")
@pytest.mark.parametrize(
    ("issuer", "inserted", "appended"),
    [
        ("https://as.example", "/.well-known/x", "/.well-known/x"),
        ("https://as.example/", "/.well-known/x", "/.well-known/x"),
        ("https://as.example/t/blue", "/.well-known/x/t/blue", "/t/blue/.well-known/x"),
        ("https://as.example/t/", "/.well-known/x/t", "/t/.well-known/x"),
    ],
)
def test_well_known_paths(issuer: str, inserted: str, appended: str) -> None:
    assert well_known_paths(issuer, "x") == (inserted, appended)


def test_parts_of_an_issuer() -> None:
    assert issuer_path("https://as.example/t/") == "/t"
    assert issuer_path("https://as.example") == ""
    assert issuer_authority("https://as.example:8443/t") == "as.example:8443"
    assert endpoint_url("https://as.example/t/", "/token") == "https://as.example/t/token"
    assert endpoint_url("https://as.example", "/token") == "https://as.example/token"


@given(st.text() | st.from_regex(r"https?://[!-~]{0,40}", fullmatch=True))
def test_any_text_gets_an_answer(text: str) -> None:
    if check_issuer(text) is None:
        assert text.isascii()
        assert not set("?#@%* ") & set(text.partition("://")[2].partition("/")[0])
        assert "//" not in well_known_paths(text, "x").inserted
