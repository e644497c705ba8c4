"""Bad input at the authorization endpoint and the pages: the specified error, never a 5xx, nothing half-written."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.asgi import Answer, UserAgent
from tests.support.forms import PageForm, form_of
from tests.support.harness import (
    CHALLENGE,
    CLI,
    CLI_REDIRECT,
    PASSWORD,
    SPA,
    TIDES,
    USERNAME,
    WEB,
    WEB_REDIRECT,
    Harbour,
)
from tests.support.outcomes import assert_asks, assert_error_page, assert_refused

from grantd.storage.memory import MemoryStore

pytestmark = pytest.mark.anyio

GOOD = {
    "response_type": "code",
    "client_id": WEB,
    "redirect_uri": WEB_REDIRECT,
    "scope": "tides.read",
    "state": "k9Vv-2",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
OPTIONAL = {"response_mode": "query", "prompt": "login", "resource": TIDES, "login_hint": "ana", "foo": "1"}
UNREADABLE = {
    "doubled": "{0}&{1}={0}",
    "doubled with another value": "{0}&{1}=other",
    "too long": "x" * 8_193,
    "broken UTF-8": "{0}%ff",
    "overlong UTF-8": "{0}%c0%ae",
    "surrogate": "{0}%ed%a0%80",
    "bare octet": "{0}\xff",
    "broken escape": "{0}%zz",
    "cut escape": "{0}%",
    "NUL": "{0}%00",
    "line feed": "{0}%0a",
    "C1 control": "{0}%c2%85",
}


def query_of(parameters: dict[str, str | None], raw: dict[str, str] | None = None) -> str:
    """Encode parameters; those of ``raw`` are put in as they are."""
    merged = {name: quote(value, safe="") for name, value in parameters.items() if value is not None} | (raw or {})
    return "&".join(f"{name}={value}" for name, value in merged.items())


async def ask(agent: UserAgent, method: str, query: str) -> Answer:
    if method == "GET":
        return await agent.request("GET", f"/authorize?{query}")
    return await agent.post("/authorize", query.encode("latin-1"))


def rows(h: Harbour) -> dict[str, int]:
    """What the store holds, by kind."""
    store = h.store
    assert isinstance(store, MemoryStore)
    tables = ("_sessions", "_consents", "_interactions", "_grants", "_families")
    return {name: len(getattr(store, name)) for name in tables}


@pytest.mark.req("OA21-128", "OA21-039")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("how", UNREADABLE)
@pytest.mark.parametrize("name", [*GOOD, *OPTIONAL])
async def test_an_unreadable_parameter(h: Harbour, name: str, how: str, method: str) -> None:
    agent = await h.signed_in()
    before = rows(h)
    value = {**GOOD, **OPTIONAL}[name]
    bad = UNREADABLE[how].format(quote(value, safe=""), name)
    if method == "GET" and how == "bare octet":
        bad = bad.replace("\xff", "%FF")
    answer = await ask(agent, method, query_of({**GOOD, name: value}, {name: bad}))
    if name in {"client_id", "redirect_uri"}:
        assert_error_page(answer)
    elif name == "resource" and how.startswith("doubled"):
        # The one parameter that may be repeated.
        if how == "doubled":
            assert_asks(answer)
            return
        assert_refused(answer, "invalid_target")
    else:
        assert_refused(answer, "invalid_request", state=None if name == "state" else "k9Vv-2")
        assert name in answer.query["error_description"]
    assert rows(h) == before


MISSING: dict[str, str | None] = {
    "response_type": "invalid_request",
    "scope": "invalid_scope",
    "code_challenge": "invalid_request",
    "code_challenge_method": "invalid_request",
    "client_id": None,
}


@pytest.mark.req("OA21-040")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("absent", [None, ""])
@pytest.mark.parametrize("name", [*GOOD, *OPTIONAL])
async def test_a_missing_or_empty_parameter(h: Harbour, name: str, absent: str | None, method: str) -> None:
    agent = await h.signed_in()
    before = rows(h)
    answer = await ask(agent, method, query_of({**GOOD, name: absent}))
    if name not in MISSING:
        assert_asks(answer)
        return
    error = MISSING[name]
    if error is None:
        assert_error_page(answer)
    else:
        assert_refused(answer, error)
    assert rows(h) == before


@pytest.mark.parametrize(
    "query", ["", "&", "=", "&&&=", "=x", "%", "%00", "client_id", "x=1&" * 64 + query_of({**GOOD})]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_that_says_nothing(h: Harbour, query: str, method: str) -> None:
    before = rows(h)
    assert_error_page(await ask(h.agent(), method, query))
    assert rows(h) == before


@pytest.mark.parametrize("path", ["/authorize", "/interaction?i=x", "/sign-out"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY", "get"])
async def test_a_wrong_method(h: Harbour, path: str, method: str) -> None:
    before = rows(h)
    answer = await h.agent().request(method, path, body=query_of({**GOOD}).encode())
    assert answer.status == 405
    assert answer.header("allow") == "GET, HEAD, POST"
    assert answer.all("set-cookie") == []
    assert rows(h) == before


CONTENT_TYPES: list[list[tuple[str, str]]] = [
    [("content-type", "application/json")],
    [("content-type", "text/plain")],
    [("content-type", "multipart/form-data; boundary=x")],
    [("content-type", "")],
    [("content-type", "application/x-www-form-urlencoded; charset=iso-8859-1")],
    [("content-type", "application/x-www-form-urlencoded"), ("content-type", "application/json")],
    [("content-type", "application/x-www-form-urlencoded"), ("content-encoding", "gzip")],
]


@pytest.mark.parametrize("headers", CONTENT_TYPES)
async def test_a_wrong_content_type(h: Harbour, headers: list[tuple[str, str]]) -> None:
    agent = await h.signed_in()
    form = await page_form(h, agent)
    sign_out = form_of((await agent.get("/sign-out")).text)
    before = rows(h)
    assert_error_page(await agent.post("/authorize", query_of({**GOOD}).encode(), headers))
    assert_error_page(await agent.post(form.action, query_of({**form.hidden, "decision": "allow"}).encode(), headers))
    assert_error_page(await agent.post("/sign-out", query_of({**sign_out.hidden}).encode(), headers))
    assert rows(h) == before


@pytest.mark.parametrize("path", ["/authorize", "/interaction?i=x", "/sign-out"])
async def test_a_body_that_is_too_long(h: Harbour, path: str) -> None:
    before = rows(h)
    answer = await h.agent().post(path, b"x=" + b"y" * 65_536)
    assert answer.status == 413
    assert rows(h) == before


# --- The pages ---


async def page_form(h: Harbour, agent: UserAgent) -> PageForm:
    asked = await h.authorize(agent, prompt="consent")
    return form_of((await agent.get(asked.location)).text)


PAGE_VALUES = [
    None,
    "",
    *UNREADABLE.values(),
    "%c3%a9",
    "%F0%9F%98%80",
    "-1",
    "1e3",
    "%D9%A1",
    "99999999999999999999",
    "%27+OR+1=1--",
    "..%2F..",
]


@pytest.mark.parametrize("raw", PAGE_VALUES)
@pytest.mark.parametrize("name", ["csrf", "version", "step", "username", "password", "method"])
async def test_bad_input_on_the_sign_in_page(h: Harbour, name: str, raw: str | None) -> None:
    agent = h.agent()
    asked = await h.authorize(agent)
    form = form_of((await agent.get(asked.location)).text)
    good: dict[str, str | None] = {**form.hidden, "method": "password", "username": USERNAME, "password": PASSWORD}
    before = rows(h)
    answer = await post_raw(agent, form, good, name, raw)
    harmless = name == "method" and raw in {None, ""}
    assert (answer.status == 303 and answer.all("set-cookie") != []) is harmless, answer.text
    if not harmless:
        assert answer.status in {303, 400, 401, 403}
        assert h.issuer.cookies.session not in agent.cookies
        assert rows(h) == before
        # The conversation goes on as if nothing had happened.
        assert (await h.sign_in(agent, asked)).status == 303


@pytest.mark.parametrize("raw", PAGE_VALUES)
@pytest.mark.parametrize("name", ["csrf", "version", "step", "decision", "scopes"])
async def test_bad_input_on_the_consent_page(h: Harbour, name: str, raw: str | None) -> None:
    agent = await h.signed_in()
    form = await page_form(h, agent)
    good: dict[str, str | None] = {**form.hidden, "decision": "allow", "scopes": "tides.read"}
    before = rows(h)
    answer = await post_raw(agent, form, good, name, raw)
    if name == "scopes" and raw is not None and raw.startswith("{0}&"):
        assert "code" in answer.query
        return
    assert answer.status in {303, 400, 403}
    assert (answer.header("location") or form.action) == form.action
    assert rows(h) == before
    assert "code" in (await agent.post(form.action, query_of(good).encode())).query


async def post_raw(agent: UserAgent, form: PageForm, good: dict[str, str | None], name: str, raw: str | None) -> Answer:
    value = quote(good[name] or "", safe="")
    changed = {} if raw is None else {name: raw.format(value, name)}
    return await agent.post(form.action, query_of({**good, name: None}, changed).encode("latin-1"))


@pytest.mark.parametrize("raw", [None, *UNREADABLE.values(), "%c3%a9", "'", "a/b", "A" * 22])
async def test_a_bad_interaction_identifier(h: Harbour, raw: str | None) -> None:
    agent = h.agent()
    form = await page_form(h, agent)
    identifier = form.action.partition("i=")[2]
    target = "/interaction" if raw is None else f"/interaction?i={raw.format(identifier, 'i')}".replace("\xff", "%FF")
    before = rows(h)
    assert_error_page(await agent.get(target), 400, 410)
    fields = {**form.hidden, "username": USERNAME, "password": PASSWORD}
    assert_error_page(await agent.post(target, fields), 400, 403)
    assert rows(h) == before


@pytest.mark.parametrize("value", ["", "x", "é" * 43, "\xff" * 43, "A" * 43, "A" * 7000, '"quoted"', "a=b; c", "%00"])
@pytest.mark.parametrize("which", ["session", "user_agent"])
async def test_a_bad_cookie(h: Harbour, which: str, value: str) -> None:
    agent = h.agent()
    form = await page_form(h, agent)
    name = getattr(h.issuer.cookies, which)
    headers = [("cookie", f"{name}={value.encode().decode('latin-1')}")]
    stranger = h.agent()
    assert_asks(await stranger.get(f"/authorize?{query_of({**GOOD})}", headers))
    assert_error_page(await h.agent().get(form.action, headers), 403)
    assert_error_page(await h.agent().post(form.action, form.hidden, headers), 403)
    assert (await h.agent().get("/sign-out", headers)).status == 200
    assert_error_page(await h.agent().post("/sign-out", {"csrf": "x"}, headers), 403)


# --- Anything at all ---

NAMES = st.sampled_from([*GOOD, *OPTIONAL, "nonce", "request", "request_uri", "client_secret", "Client_Id"])
CLIENTS = st.sampled_from([WEB, CLI, SPA, "nobody"])
REDIRECTS = st.sampled_from([WEB_REDIRECT, CLI_REDIRECT, "http://127.0.0.1:81/callback", "https://evil.example/cb"])
PLAUSIBLE = st.sampled_from([*GOOD.values(), *OPTIONAL.values(), "none", "plain", "", "%00", "%ff", "a b"])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PAIRS = st.tuples(NAMES, PLAUSIBLE | TEXT)


@st.composite
def queries(draw: st.DrawFn) -> bytes:
    """A query: raw octets, or pairs near a good request."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.binary(max_size=200))
    pairs: list[tuple[str, Any]] = [*GOOD.items()]
    pairs = [pair for pair in pairs if draw(st.integers(0, 9))]
    if draw(st.booleans()):
        pairs += [("client_id", draw(CLIENTS)), ("redirect_uri", draw(REDIRECTS))]
    pairs = draw(st.permutations([*pairs, *draw(st.lists(PAIRS, max_size=4))]))
    joined = "&".join(f"{name}={quote(value) if draw(st.booleans()) else value}" for name, value in pairs)
    return joined.encode()


def leads_home(h: Harbour, answer: Answer) -> bool:
    location = answer.header("location")
    if location is None or location.startswith("/interaction?i="):
        return True
    base = location.partition("?")[0]
    return base in {WEB_REDIRECT, CLI_REDIRECT, "http://127.0.0.1:81/callback", "https://deck.example/cb"}


@pytest.mark.req("OA21-015", "OA21-128", "OA21-129")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=queries(), signed_in=st.booleans())
async def test_no_query_breaks_the_server_or_leads_elsewhere(h: Harbour, query: bytes, *, signed_in: bool) -> None:
    agent = await h.signed_in() if signed_in else h.agent()
    for answer in (
        await agent.request("GET", "/authorize?" + query.decode("latin-1")),
        await agent.post("/authorize", query),
    ):
        assert answer.status in {303, 400}, (answer.status, answer.text)
        assert leads_home(h, answer), answer.location
        assert "access_token" not in (answer.header("location") or "")
        if not signed_in:
            assert "code=" not in (answer.header("location") or "")
            # Only a silent request redirects to a client before anybody signed in.
            foreign = not (answer.header("location") or "/").startswith("/")
            assert not foreign or b"prompt" in query


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200), fields=st.dictionaries(TEXT, TEXT, max_size=5))
async def test_no_form_breaks_a_page(h: Harbour, body: bytes, fields: dict[str, str]) -> None:
    agent = h.agent()
    form = await page_form(h, agent)
    before = rows(h)
    mixed = [*form.hidden.items(), *fields.items()]
    for answer in (
        await agent.post(form.action, body),
        await agent.post(form.action, mixed),
        await agent.post("/sign-out", body),
    ):
        assert answer.status in {303, 400, 401, 403}
        assert h.issuer.cookies.session not in agent.cookies
    assert rows(h) == before
