"""Bad input at the endpoints that clients call: the specification's error, never a 5xx, never half a record."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.asgi import Answer
from tests.support.harness import (
    CLI,
    CLI_REDIRECT,
    RESOURCE_SERVER,
    SERVICE,
    VERIFIER,
    WEB,
    Harbour,
    basic,
    harbour,
    secret_of,
)

pytestmark = pytest.mark.anyio

FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass
class Case:
    """A good request to one endpoint, and the error that each parameter gives when it is missing."""

    endpoint: str
    form: dict[str, str]
    headers: dict[str, str]
    required: dict[str, str]
    """Parameter to the error of a request without it."""


async def cases(h: Harbour) -> list[Case]:
    tokens = await h.tokens(CLI)
    post = {"client_id": SERVICE, "client_secret": secret_of(SERVICE)}
    missing = "invalid_request"
    return [
        Case(
            "token",
            {
                "grant_type": "authorization_code",
                "code": await h.code(client_id=CLI),
                "code_verifier": VERIFIER,
                "client_id": CLI,
                "redirect_uri": CLI_REDIRECT,
            },
            {},
            {"grant_type": missing, "code": missing, "code_verifier": "invalid_grant", "client_id": "invalid_client"},
        ),
        Case(
            "token",
            {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": CLI},
            {},
            {"grant_type": missing, "refresh_token": missing, "client_id": "invalid_client"},
        ),
        Case(
            "token",
            {"grant_type": "client_credentials", "scope": "cranes.read", **post},
            {},
            {
                "grant_type": missing,
                "scope": "invalid_scope",
                "client_id": "invalid_client",
                "client_secret": "invalid_client",
            },
        ),
        Case(
            "introspection",
            {"token": tokens["access_token"], "token_type_hint": "access_token"},
            basic(RESOURCE_SERVER),
            {"token": missing},
        ),
        Case(
            "revocation",
            {"token": tokens["access_token"], "token_type_hint": "access_token", "client_id": CLI},
            {},
            {"token": missing, "client_id": "invalid_client"},
        ),
    ]


async def send(h: Harbour, case: Case, body: bytes, headers: dict[str, str] | None = None, query: str = "") -> Answer:
    target = h.url(case.endpoint) + query
    return await h.agent().post(target, body, {**FORM, **case.headers, **(headers or {})})


def refused(answer: Answer, error: str | None, *statuses: int) -> None:
    assert answer.status in (statuses or (400, 401)), (answer.status, answer.text)
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "no-store"
    assert "access_token" not in answer.json
    assert "active" not in answer.json
    if error is not None:
        assert answer.json["error"] == error, answer.text


async def still_good(h: Harbour, case: Case) -> None:
    """Nothing was consumed by the refusals."""
    answer = await send(h, case, urlencode(case.form).encode())
    assert answer.status == 200, answer.text
    if case.endpoint == "introspection":
        assert answer.json["active"]


@pytest.fixture
async def good(h: Harbour) -> list[Case]:
    return await cases(h)


@pytest.fixture
async def h() -> Any:
    async with harbour() as started:
        yield started


async def test_missing_and_empty_are_one(h: Harbour, good: list[Case]) -> None:
    for case in good:
        for name, error in case.required.items():
            without = {key: value for key, value in case.form.items() if key != name}
            for form in (without, {**case.form, name: ""}):
                answer = await send(h, case, urlencode(form).encode())
                refused(answer, error, 401 if error == "invalid_client" and case.endpoint == "introspection" else 400)
        await still_good(h, case)


def doubled(name: str, value: str) -> bytes:
    return urlencode([(name, value), (name, value)]).encode()


def doubled_with_another(name: str, value: str) -> bytes:
    return urlencode([(name, value), (name, "x")]).encode()


def too_long(name: str, value: str) -> bytes:
    return urlencode([(name, value + "x" * 9_000)]).encode()


def latin_1(name: str, value: str) -> bytes:
    return f"{name}=".encode() + quote_plus(value).encode() + b"%E9"


def raw_octets(name: str, value: str) -> bytes:
    return f"{name}={value}".encode() + b"\xff\xfe"


def broken_escape(name: str, value: str) -> bytes:
    return f"{name}={quote_plus(value)}%4".encode()


def nul(name: str, value: str) -> bytes:
    return f"{name}={quote_plus(value)}%00".encode()


def raw_nul(name: str, value: str) -> bytes:
    return f"{name}={quote_plus(value)}".encode() + b"\0"


def newline(name: str, value: str) -> bytes:
    return f"{name}={quote_plus(value)}%0A".encode()


def surrogate(name: str, value: str) -> bytes:
    return f"{name}={quote_plus(value)}%ED%A0%80".encode()


MUTATIONS: list[Callable[[str, str], bytes]] = [
    doubled,
    doubled_with_another,
    too_long,
    latin_1,
    raw_octets,
    broken_escape,
    nul,
    raw_nul,
    newline,
    surrogate,
]


@pytest.mark.parametrize("mutate", MUTATIONS)
async def test_spoiled_parameters(h: Harbour, good: list[Case], mutate: Callable[[str, str], bytes]) -> None:
    for case in good:
        for name, value in case.form.items():
            rest = urlencode({key: other for key, other in case.form.items() if key != name}).encode()
            for body in (rest + b"&" + mutate(name, value), mutate(name, value) + b"&" + rest):
                refused(await send(h, case, body), "invalid_request", 400)
        await still_good(h, case)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/x-www-form-urlencoded-not",
        "",
    ],
)
async def test_wrong_content_type(h: Harbour, good: list[Case], content_type: str) -> None:
    for case in good:
        body = urlencode(case.form).encode()
        refused(await send(h, case, body, {"content-type": content_type}), "invalid_request", 400)
        await still_good(h, case)


async def test_missing_and_doubled_content_type(h: Harbour, good: list[Case]) -> None:
    for case in good:
        body = urlencode(case.form).encode()
        headers = list(case.headers.items())
        for types in ([], [("content-type", FORM["content-type"])] * 2):
            answer = await h.agent().request("POST", h.url(case.endpoint), body=body, headers=[*headers, *types])
            refused(answer, "invalid_request", 400)
        await still_good(h, case)


@pytest.mark.parametrize("coding", ["gzip", "br", "x-unknown"])
async def test_content_coding(h: Harbour, good: list[Case], coding: str) -> None:
    for case in good:
        refused(
            await send(h, case, urlencode(case.form).encode(), {"content-encoding": coding}), "invalid_request", 400
        )


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
async def test_wrong_method(h: Harbour, good: list[Case], method: str) -> None:
    for case in good:
        answer = await h.agent().request(
            method, f"{h.url(case.endpoint)}?{urlencode(case.form)}", headers={**FORM, **case.headers}
        )
        assert answer.status == 405
        assert "POST" in (answer.header("allow") or "")
        await still_good(h, case)


async def test_parameters_in_the_query(h: Harbour, good: list[Case]) -> None:
    for case in good:
        body = urlencode(case.form).encode()
        for name, value in case.form.items():
            rest = urlencode({key: other for key, other in case.form.items() if key != name}).encode()
            refused(await send(h, case, rest, query="?" + urlencode({name: value})), None, 400)
            refused(await send(h, case, body, query="?" + urlencode({name: value})), "invalid_request", 400)
        refused(await send(h, case, b"", query="?" + urlencode(case.form)), None, 400)
        await still_good(h, case)


async def test_huge_bodies_and_swarms_of_parameters(h: Harbour, good: list[Case]) -> None:
    for case in good:
        body = urlencode(case.form).encode()
        answer = await send(h, case, body + b"&x=" + b"y" * 70_000)
        assert answer.status == 413
        refused(
            await send(h, case, body + b"".join(b"&p%d=1" % number for number in range(64))), "invalid_request", 400
        )
        await still_good(h, case)


async def test_credentials_twice(h: Harbour, good: list[Case]) -> None:
    """OAuth 2.1 section 2.4: one method a request; an identifier that contradicts it is refused as well."""
    for case in good:
        if case.headers:
            continue
        body = urlencode({**case.form, "client_secret": "x"}).encode()
        refused(await send(h, case, body, basic(WEB)), "invalid_request", 400)
        body = urlencode({**case.form, "client_id": CLI}).encode()
        refused(await send(h, case, body, basic(WEB, "wrong")), None)
        await still_good(h, case)


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic",
        "Basic ",
        "Basic \x00",
        "Basic Og==",
        "Basic Zm9v",
        "Basic " + "A" * 9_000,
        "Basic w7zDvA==",
        "basic !",
        " ",
    ],
)
async def test_malformed_authorization(h: Harbour, good: list[Case], authorization: str) -> None:
    for case in good:
        answer = await send(h, case, urlencode(case.form).encode(), {"authorization": authorization})
        refused(answer, None, 400, 401)


# --- whatever comes ---

NAMES = st.sampled_from(
    [
        "grant_type",
        "code",
        "code_verifier",
        "redirect_uri",
        "refresh_token",
        "scope",
        "resource",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "token",
        "token_type_hint",
    ]
)
VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "tides.read",
            "https://tides.harbour.example/api",
            WEB,
            CLI,
            SERVICE,
            RESOURCE_SERVER,
            "A" * 59,
            "A" * 65,
            "e30.e30.AA",
            "gat_AAAA",
            VERIFIER,
        ]
    ),
)
BODIES = st.one_of(
    st.binary(max_size=400),
    st.lists(st.tuples(st.one_of(NAMES, st.text(max_size=12)), VALUES), max_size=12).map(
        lambda found: urlencode(found, errors="surrogatepass").encode()
    ),
)
HEADERS = st.dictionaries(
    st.sampled_from(["authorization", "content-type", "accept", "origin", "content-encoding", "dpop"]),
    st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
        st.sampled_from(
            [FORM["content-type"], basic(WEB, "x")["authorization"], "application/token-introspection+jwt"]
        ),
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def running() -> Any:
    """One server for all examples, on a loop of its own."""
    loop = asyncio.new_event_loop()
    context = harbour()
    started = loop.run_until_complete(context.__aenter__())
    yield loop, started
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


@pytest.mark.parametrize("endpoint", ["token", "introspection", "revocation"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, headers=HEADERS, query=st.sampled_from(["", "?", "?a=b", "?%ff"]))
def test_random_requests(running: Any, endpoint: str, body: bytes, headers: dict[str, str], query: str) -> None:
    loop, h = running
    answer = loop.run_until_complete(
        h.agent().request("POST", h.url(endpoint) + query, body=body, headers={**FORM, **headers})
    )
    assert answer.status < 500, answer.text
    assert b"access_token" not in answer.body
    assert b'"active":true' not in answer.body
    if answer.status == 200:
        # Public clients may revoke what does not exist; nothing else can succeed by chance.
        assert endpoint == "revocation"
