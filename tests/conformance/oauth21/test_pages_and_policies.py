"""OA21-127 to OA21-138: the pages of the server, what they show, and what is decided without them."""

import math
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.asgi import Answer
from tests.support.forms import form_of
from tests.support.harness import (
    CLI,
    CLI_REDIRECT,
    SPA,
    SPA_REDIRECT,
    WEB,
    Harbour,
    authorization_query,
    harbour,
)
from tests.support.outcomes import assert_asks, assert_error_page, assert_refused

from grantd.server.settings import IssuerSettings, Settings, ThrottleSettings
from grantd.server.settings.check import check_settings
from grantd.storage.records import ClientMetadata

pytestmark = pytest.mark.anyio

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"


def policy(page: Answer) -> dict[str, str]:
    """The Content-Security-Policy of a page, by directive."""
    (header,) = page.all("content-security-policy")
    return {name: rest for name, _, rest in (part.strip().partition(" ") for part in header.split(";"))}


async def every_page(h: Harbour) -> dict[str, Answer]:
    """One of each page that the server can show."""
    agent = h.agent()
    pages = {"error": await h.authorize(agent, redirect_uri="https://evil.example/")}
    asked = await h.authorize(agent)
    pages["sign-in"] = await agent.get(asked.location)
    form = form_of(pages["sign-in"].text)
    answer = {**form.hidden, "username": "ana", "password": "wrong"}
    pages["sign-in again"] = await agent.post(form.action, answer)
    pages["forged"] = await agent.post(form.action, {**answer, "csrf": "x"})
    pages["other browser"] = await h.agent().get(asked.location)
    pages["gone"] = await agent.get("/interaction?i=AAAAAAAAAAAAAAAAAAAAAA")
    pages["bad request"] = await agent.get("/interaction")
    pages["not found"] = await agent.get("/nowhere", {"accept": "text/html"})
    consent = await h.sign_in(agent, asked)
    pages["consent"] = await agent.get(consent.location)
    form = form_of(pages["consent"].text)
    pages["consent again"] = await agent.post(form.action, {**form.hidden, "decision": "allow"})
    pages["sign-out"] = await agent.get("/sign-out")
    pages["sign-out forged"] = await agent.post("/sign-out", {"csrf": "x"})
    await agent.post("/sign-out", form_of(pages["sign-out"].text).hidden)
    pages["signed out"] = await agent.get("/sign-out")
    return pages


@pytest.mark.req("OA21-127")
async def test_no_page_may_be_framed(h: Harbour) -> None:
    pages = await every_page(h)
    assert {name: page.status for name, page in pages.items()} == {
        "error": 400,
        "sign-in": 200,
        "sign-in again": 401,
        "forged": 403,
        "other browser": 403,
        "gone": 410,
        "bad request": 400,
        "not found": 404,
        "consent": 200,
        "consent again": 400,
        "sign-out": 200,
        "sign-out forged": 403,
        "signed out": 200,
    }
    for name, page in pages.items():
        assert policy(page)["frame-ancestors"] == "'none'", name
        assert page.all("x-frame-options") == ["DENY"], name


@pytest.mark.req("OA21-128")
async def test_pages_run_nothing_foreign_and_leak_nothing(h: Harbour) -> None:
    for name, page in (await every_page(h)).items():
        assert (page.header("content-type") or "").lower() == "text/html; charset=utf-8", name
        assert page.header("referrer-policy") == "no-referrer", name
        assert page.header("cache-control") == "no-store", name
        assert page.header("x-content-type-options") == "nosniff", name
        directives = policy(page)
        assert directives["default-src"] == "'none'", name
        assert directives["script-src"] in {"'self'", "'none'"}, name
        assert directives["base-uri"] == "'none'", name
        assert "'unsafe-inline'" not in page.all("content-security-policy")[0], name


@pytest.mark.req("OA21-153")
async def test_an_administrator_may_let_one_origin_frame_the_pages(h: Harbour) -> None:
    await h.change_client(WEB, frame_ancestors=("https://portal.example",))
    agent = h.agent()
    asked = await h.authorize(agent)
    sign_in = await agent.get(asked.location)
    consent = await agent.get((await h.sign_in(agent, asked)).location)
    for page in (sign_in, consent):
        assert policy(page)["frame-ancestors"] == "https://portal.example"
        # The old header cannot name an origin, and would win in old browsers.
        assert page.all("x-frame-options") == []
    # Another client's pages stay closed, and error pages too.
    for page in (
        await agent.get((await h.authorize(agent, SPA)).location),
        await h.authorize(agent, redirect_uri="https://evil.example/"),
    ):
        assert policy(page)["frame-ancestors"] == "'none'"


@pytest.mark.req("OA21-128")
async def test_parameters_are_never_rendered_raw(h: Harbour) -> None:
    agent = h.agent()
    asked = await h.authorize(agent, state=HOSTILE, login_hint=HOSTILE, ui_locales=HOSTILE, foo=HOSTILE)
    pages = [await agent.get(asked.location)]
    signed_in = await h.sign_in(agent, asked)
    pages.append(await agent.get(signed_in.location))
    pages.append(await h.authorize(agent, redirect_uri=HOSTILE, state=HOSTILE))
    pages.append(await h.authorize(agent, HOSTILE, state=HOSTILE))
    pages.append(await agent.get("/interaction?i=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"))
    pages.append(await agent.get("/interaction?%3Cscript%3Ealert(1)=1&%3Cscript%3Ealert(1)=1"))
    pages.append(await agent.get("/%3Cscript%3Ealert(1)%3C/script%3E", {"accept": "text/html"}))
    for page in pages:
        assert "<script>" not in page.text
        assert "<img src=x" not in page.text
        assert 'alert(2)>"' not in page.text


@pytest.mark.req("OA21-128")
async def test_what_a_client_says_of_itself_is_never_rendered_raw(h: Harbour) -> None:
    await h.change_client(
        WEB,
        client_name=HOSTILE,
        client_uri="javascript:alert(3)",
        contacts=(HOSTILE,),
        policy_uri="javascript:alert(4)",
    )
    agent = h.agent()
    asked = await h.authorize(agent)
    for page in (await agent.get(asked.location), await agent.get((await h.sign_in(agent, asked)).location)):
        assert "alert(1)" in page.text
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert 'href="javascript' not in page.text


@pytest.mark.req("OA21-129")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "no.such"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"resource": "https://nowhere.example/"}, "invalid_target"),
        ({"scope": ["tides.read", "tides.read"]}, "invalid_request"),
    ],
)
async def test_an_error_travels_only_after_the_sign_in(h: Harbour, changes: dict[str, Any], error: str) -> None:
    agent = h.agent()
    asked = await h.authorize(agent, **changes)
    assert_asks(asked)
    form = form_of((await agent.get(asked.location)).text)
    wrong = await agent.post(form.action, {**form.hidden, "username": "ana", "password": "wrong"})
    assert wrong.status == 401
    assert wrong.header("location") is None
    assert_refused(await h.sign_in(agent, asked), error)


@pytest.mark.req("OA21-129")
async def test_a_silent_request_is_the_exception(h: Harbour) -> None:
    assert_refused(await h.authorize(h.agent(), prompt="none"), "login_required")
    assert_refused(await h.authorize(h.agent(), prompt="none", scope="no.such"), "invalid_scope")
    assert_refused(await h.authorize(await h.signed_in(), prompt="none"), "consent_required")


@pytest.mark.req("OA21-129", "OA21-015")
async def test_an_untrusted_redirect_uri_gets_a_page_whoever_is_signed_in(h: Harbour) -> None:
    for agent in (h.agent(), await h.signed_in()):
        for prompt in (None, "none"):
            answer = await h.authorize(agent, redirect_uri="https://evil.example/", scope="no.such", prompt=prompt)
            assert_error_page(answer)
            assert "evil.example" not in str(answer.headers)


@pytest.mark.req("OA21-130")
@pytest.mark.parametrize("origin", ["dynamic", "metadata_document"])
async def test_nobody_is_sent_unasked_to_a_client_that_nobody_vouches_for(h: Harbour, origin: str) -> None:
    metadata = ClientMetadata(client_name="Walk-in", redirect_uris=("https://evil.example/cb",))
    await h.put_client("walk-in", metadata, origin=origin)
    for scope in ("tides.read", "no.such"):
        answer = await h.authorize(
            h.agent(), "walk-in", redirect_uri="https://evil.example/cb", prompt="none", scope=scope
        )
        assert_error_page(answer)
    # Somebody who is signed in hears of it at the client, as of any other.
    agent = await h.signed_in()
    silent = await h.authorize(agent, "walk-in", redirect_uri="https://evil.example/cb", prompt="none")
    assert_refused(silent, "consent_required", redirect_uri="https://evil.example/cb")


async def consent_page(h: Harbour, client_id: str = WEB, **parameters: Any) -> str:
    agent = h.agent()
    signed_in = await h.sign_in(agent, await h.authorize(agent, client_id, **parameters))
    return (await agent.get(signed_in.location)).text


@pytest.mark.req("OA21-131")
async def test_the_consent_page_says_who_what_and_how_long(h: Harbour) -> None:
    await h.change_client(WEB, contacts=("crew@fleet.example",))
    page = await consent_page(h, scope="tides.read tides.write")
    for shown in (
        "Fleet",
        "https://fleet.example/",
        "crew@fleet.example",
        "read the tides",
        "correct the tides",
        "Tides",
        "tides.harbour.example",
        "Ana Ruiz",
        "30 days",
        "5 minutes",
    ):
        assert shown in page, shown
    assert "lift containers" not in page
    await h.change_client(WEB, refresh_tokens=False)
    page = await consent_page(h)
    assert "30 days" not in page
    assert "5 minutes" in page


@pytest.mark.req("OA21-131")
async def test_the_consent_page_tells_the_lifetime_of_a_public_client(h: Harbour) -> None:
    assert "7 days" in await consent_page(h, SPA)


@pytest.mark.req("OA21-132")
@pytest.mark.parametrize("origin", ["dynamic", "metadata_document"])
async def test_the_consent_page_warns_of_a_client_that_registered_itself(h: Harbour, origin: str) -> None:
    metadata = ClientMetadata(client_name="Fleet", redirect_uris=("https://walk-in.example/cb",))
    await h.put_client("walk-in", metadata, origin=origin)
    page = await consent_page(h, "walk-in", redirect_uri="https://walk-in.example/cb")
    assert "walk-in.example" in page
    assert "Not checked by" in page
    assert "Not checked by" not in await consent_page(h)


@pytest.mark.req("OA21-132")
async def test_the_consent_page_says_that_any_program_could_be_a_loopback_client(h: Harbour) -> None:
    assert "A program on this device" in await consent_page(h, CLI)


# --- Decisions that are not asked again ---


@pytest.mark.req("OA21-135")
@pytest.mark.parametrize(
    ("client_id", "redirect_uri"),
    [(CLI, "com.example.deck:/cb"), (CLI, CLI_REDIRECT), (CLI, "https://deck.example/claimed"), (SPA, SPA_REDIRECT)],
)
async def test_a_public_client_always_gets_consent(h: Harbour, client_id: str, redirect_uri: str) -> None:
    await h.change_client(client_id, redirect_uris=(redirect_uri,))
    agent = h.agent()
    for _ in range(2):
        assert "code" in (await h.code_answer(agent, client_id, redirect_uri=redirect_uri)).query
        again = await h.authorize(agent, client_id, redirect_uri=redirect_uri)
        assert_asks(again)
        assert "decision" in form_of((await agent.get(again.location)).text).names
    silent = await h.authorize(agent, client_id, redirect_uri=redirect_uri, prompt="none")
    assert_refused(silent, "consent_required", redirect_uri=redirect_uri)


@pytest.mark.req("OA21-135")
async def test_a_client_that_authenticates_is_not_asked_again_for_the_same(h: Harbour) -> None:
    agent = h.agent()
    await h.code_answer(agent, scope="tides.read")
    assert "code" in (await h.authorize(agent, scope="tides.read")).query
    assert "code" in (await h.authorize(agent, scope="tides.read", prompt="none")).query
    # More, elsewhere, or for somebody else is another question.
    assert_asks(await h.authorize(agent, scope="tides.read tides.write"))
    assert_asks(await h.authorize(agent, scope="status", resource="https://cranes.harbour.example/"))
    assert_asks(await h.authorize(agent, scope="tides.read", prompt="consent"))


@pytest.mark.req("OA21-135")
async def test_a_remembered_decision_serves_only_where_it_could_be_remembered(h: Harbour) -> None:
    # Open point 12: the operator's own app at its https address, and that address only.
    private = "com.example.deck:/cb"
    await h.change_client(CLI, first_party=True, redirect_uris=(SPA_REDIRECT, private))
    agent = h.agent()
    await h.code_answer(agent, CLI, redirect_uri=SPA_REDIRECT)
    assert "code" in (await h.authorize(agent, CLI, redirect_uri=SPA_REDIRECT)).query
    assert_asks(await h.authorize(agent, CLI, redirect_uri=private))


@pytest.mark.req("OA21-135")
async def test_a_client_that_became_public_is_asked_again(h: Harbour) -> None:
    agent = h.agent()
    await h.code_answer(agent)
    await h.change_client(WEB, token_endpoint_auth_method="none")
    assert_asks(await h.authorize(agent))


# --- Guessing ---


@pytest.mark.req("OA21-137")
async def test_what_is_handed_out_cannot_be_guessed(h: Harbour) -> None:
    agent = h.agent()
    await h.code_answer(agent)
    codes = [(await h.authorize(agent)).query["code"] for _ in range(40)]
    refresh_tokens = [(await h.redeem(code)).json["refresh_token"] for code in codes[:20]]
    cookies = [(await h.signed_in()).cookies[h.issuer.cookies.session] for _ in range(5)]
    interactions = [(await h.authorize(h.agent())).location.partition("i=")[2] for _ in range(20)]
    for values, least in ((codes, 160), (refresh_tokens, 160), (cookies, 160), (interactions, 120)):
        assert len(set(values)) == len(values)
        # A position that never changes carries nothing; each other one at most six bits.
        moving = [len(Counter(column)) for column in zip(*values, strict=True)]
        assert sum(math.log2(64) for kinds in moving if kinds > 1) >= least


@pytest.fixture
async def strict() -> AsyncIterator[Harbour]:
    async with harbour(throttle=ThrottleSettings(sign_in_failures=3, sign_in_window=60)) as running:
        yield running


@pytest.mark.req("OA21-137")
async def test_guessing_a_password_is_slowed_down(strict: Harbour) -> None:
    h, agent = strict, strict.agent()
    asked = await h.authorize(agent)
    for _ in range(3):
        assert (await h.sign_in(agent, asked, password="guess")).status == 401
    # From now on even the right password has to wait, in a new interaction and a new browser too.
    for again in (agent, h.agent()):
        answer = await h.sign_in(again, await h.authorize(again))
        assert answer.status == 429
        assert 0 < int(answer.header("retry-after") or 0) <= 60
        assert h.issuer.cookies.session not in again.cookies
    # The person at another place is not locked out.
    elsewhere = h.agent("198.51.100.7")
    assert (await h.sign_in(elsewhere, await h.authorize(elsewhere))).status == 303
    h.clock.advance(60)
    assert (await h.sign_in(agent, asked)).status == 303


# --- Addresses ---


@pytest.mark.req("OA21-138")
@pytest.mark.parametrize(
    ("issuer", "good"),
    [
        ("https://login.harbour.example", True),
        ("http://localhost:9400", True),
        ("http://127.0.0.1:9400", True),
        ("http://[::1]:9400", True),
        ("http://login.harbour.example", False),
        ("http://localhost.harbour.example", False),
        ("http://127.0.0.1.harbour.example", False),
        ("http://192.168.0.1", False),
        ("ftp://login.harbour.example", False),
        ("login.harbour.example", False),
    ],
)
async def test_an_issuer_is_https_or_on_this_machine(issuer: str, *, good: bool) -> None:
    found = check_settings(Settings(issuers=(IssuerSettings(issuer=issuer),)))
    assert ("issuers[0].issuer" not in [key for finding in found for key in finding.keys]) is good


@pytest.mark.req("OA21-138")
async def test_every_published_address_is_https(h: Harbour) -> None:
    document = (await h.agent().get("/.well-known/oauth-authorization-server")).json
    addresses = [value for value in document.values() if isinstance(value, str) and ":" in value]
    assert len(addresses) >= 6
    for address in addresses:
        assert address == h.identifier or address.startswith(f"{h.identifier}/")
    cookie = (await h.agent().get(f"/authorize?{authorization_query()}")).header("set-cookie") or ""
    assert cookie.startswith("__Host-")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
