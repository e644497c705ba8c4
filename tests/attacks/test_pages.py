"""Attacks on the pages: forged and replayed forms, strange browsers, fixed sessions, framing, guessing, hosts."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import msgspec
import pytest
from tests.support.asgi import Answer, UserAgent
from tests.support.forms import PageForm, form_of
from tests.support.harness import PASSWORD, SPA, USERNAME, WEB, WEB_REDIRECT, Harbour, authorization_query, harbour
from tests.support.outcomes import assert_asks, assert_error_page

from grantd.server.settings import IssuerSettings, ThrottleSettings
from grantd.storage.records import User

pytestmark = pytest.mark.anyio

CREDENTIALS = {"username": USERNAME, "password": PASSWORD}


async def sign_in_form(h: Harbour, agent: UserAgent, client_id: str = WEB) -> PageForm:
    asked = await h.authorize(agent, client_id)
    return form_of((await agent.get(asked.location)).text)


async def consent_form(h: Harbour, agent: UserAgent, client_id: str = WEB) -> PageForm:
    answer = await h.sign_in(agent, await h.authorize(agent, client_id))
    return form_of((await agent.get(answer.location)).text)


async def grants(h: Harbour, client_id: str = WEB) -> int:
    return len(await h.store.list_grants(h.identifier, by="client", key=client_id))


def allowed(form: PageForm) -> list[tuple[str, str]]:
    return [*form.hidden.items(), *form.ticked, ("decision", "allow")]


# --- Forged forms ---

FORGED = ["", "x", "0" * 64, "é", "x" * 5000, "\u2603" * 64]


@pytest.mark.req("OA21-128")
@pytest.mark.parametrize("csrf", [None, *FORGED])
async def test_a_forged_sign_in(h: Harbour, csrf: str | None) -> None:
    agent = h.agent()
    form = await sign_in_form(h, agent)
    fields = {**form.hidden, **CREDENTIALS, "csrf": csrf or ""}
    if csrf is None:
        del fields["csrf"]
    assert_error_page(await agent.post(form.action, fields), 403)
    assert h.issuer.cookies.session not in agent.cookies
    # The person's own form still works.
    assert (await agent.post(form.action, {**form.hidden, **CREDENTIALS})).status == 303


@pytest.mark.parametrize("csrf", FORGED)
async def test_a_forged_decision(h: Harbour, csrf: str) -> None:
    agent = h.agent()
    form = await consent_form(h, agent)
    fields = [(name, csrf if name == "csrf" else value) for name, value in allowed(form)]
    assert_error_page(await agent.post(form.action, fields), 403)
    assert await grants(h) == 0
    assert "code" in (await agent.post(form.action, allowed(form))).query


@pytest.mark.parametrize("csrf", FORGED)
async def test_a_forged_sign_out(h: Harbour, csrf: str) -> None:
    agent = h.agent()
    await h.code_answer(agent)
    assert_error_page(await agent.post("/sign-out", {"csrf": csrf}), 403)
    assert "code" in (await h.authorize(agent)).query


async def test_the_token_of_another_interaction(h: Harbour) -> None:
    agent = h.agent()
    first, second = await sign_in_form(h, agent), await sign_in_form(h, agent)
    assert first.hidden["csrf"] != second.hidden["csrf"]
    assert_error_page(
        await agent.post(first.action, {**first.hidden, **CREDENTIALS, "csrf": second.hidden["csrf"]}), 403
    )


async def test_the_token_of_another_page(h: Harbour) -> None:
    agent = h.agent()
    form = await consent_form(h, agent)
    sign_out = form_of((await agent.get("/sign-out")).text)
    assert_error_page(await agent.post("/sign-out", {"csrf": form.hidden["csrf"]}), 403)
    fields = [(name, sign_out.hidden["csrf"] if name == "csrf" else value) for name, value in allowed(form)]
    assert_error_page(await agent.post(form.action, fields), 403)


# --- Other browsers ---


async def test_the_interaction_of_another_browser(h: Harbour) -> None:
    victim, attacker = h.agent(), h.agent()
    form = await sign_in_form(h, victim)
    await h.authorize(attacker)
    for stranger in (attacker, h.agent()):
        assert_error_page(await stranger.get(form.action), 403)
        assert_error_page(await stranger.post(form.action, {**form.hidden, **CREDENTIALS}), 403)
    assert h.issuer.cookies.session not in attacker.cookies


async def test_the_decision_of_another_browser(h: Harbour) -> None:
    victim, attacker = h.agent(), h.agent()
    form = await consent_form(h, victim)
    await h.sign_in(attacker, await h.authorize(attacker))
    assert_error_page(await attacker.get(form.action), 403)
    assert_error_page(await attacker.post(form.action, allowed(form)), 403)
    assert await grants(h) == 0


async def test_a_form_made_for_the_attacker_is_worth_nothing_in_the_victims_browser(h: Harbour) -> None:
    # Login CSRF: the victim's browser posts the attacker's form, with the attacker's own credentials in it.
    victim, attacker = h.agent(), h.agent()
    form = await sign_in_form(h, attacker)
    await h.authorize(victim)
    for browser in (victim, h.agent()):
        assert_error_page(await browser.post(form.action, {**form.hidden, **CREDENTIALS}), 403)
        assert h.issuer.cookies.session not in browser.cookies


CROSS_SITE: list[Mapping[str, str]] = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": "https://login.harbour.example"},
    {"sec-fetch-site": "nonsense"},
    {"origin": "https://evil.example"},
    {"origin": "http://login.harbour.example"},
    {"origin": "https://login.harbour.example:8443"},
    {"origin": "https://login.harbour.example.evil.example"},
    {"origin": ""},
]


@pytest.mark.parametrize("headers", CROSS_SITE)
async def test_a_form_that_the_browser_says_came_from_elsewhere(h: Harbour, headers: Mapping[str, str]) -> None:
    agent = h.agent()
    form = await sign_in_form(h, agent)
    assert_error_page(await agent.post(form.action, {**form.hidden, **CREDENTIALS}, headers), 403)
    assert h.issuer.cookies.session not in agent.cookies
    own = {"sec-fetch-site": "same-origin", "origin": "https://login.harbour.example"}
    signed_in = await agent.post(form.action, {**form.hidden, **CREDENTIALS}, own)
    assert signed_in.status == 303
    consent = form_of((await agent.get(signed_in.location)).text)
    assert_error_page(await agent.post(consent.action, allowed(consent), headers), 403)
    sign_out = form_of((await agent.get("/sign-out")).text)
    assert_error_page(await agent.post("/sign-out", sign_out.hidden, headers), 403)
    assert await grants(h) == 0
    assert (await agent.post("/sign-out", sign_out.hidden, own)).status == 303


# --- Replays and races ---


async def test_a_sign_in_posted_twice(h: Harbour) -> None:
    agent = h.agent()
    form = await sign_in_form(h, agent)
    first = await agent.post(form.action, {**form.hidden, **CREDENTIALS})
    session = agent.cookies[h.issuer.cookies.session]
    second = await agent.post(form.action, {**form.hidden, **CREDENTIALS})
    # The person lands where the interaction stands; nobody is signed in anew.
    assert (second.status, second.location) == (303, first.location)
    assert second.all("set-cookie") == []
    assert agent.cookies[h.issuer.cookies.session] == session
    assert len(await h.store.list_sessions(h.identifier, h.user.user_id, now=h.clock.now())) == 1


async def test_a_decision_posted_twice(h: Harbour) -> None:
    agent = h.agent()
    form = await consent_form(h, agent)
    assert "code" in (await agent.post(form.action, allowed(form))).query
    for _ in range(2):
        assert_error_page(await agent.post(form.action, allowed(form)), 410)
        assert_error_page(await agent.get(form.action), 410)
    assert await grants(h) == 1


async def test_a_decision_posted_many_times_at_once(h: Harbour) -> None:
    agent = h.agent()
    form = await consent_form(h, agent)
    answers = await asyncio.gather(*(agent.post(form.action, allowed(form)) for _ in range(8)))
    codes = [answer for answer in answers if answer.status == 303 and "code" in answer.location]
    assert len(codes) == 1
    assert await grants(h) == 1
    assert all(answer.status in {303, 410} for answer in answers)


async def test_deny_and_allow_at_once(h: Harbour) -> None:
    agent = h.agent()
    form = await consent_form(h, agent)
    deny = [*form.hidden.items(), ("decision", "deny")]
    answers = await asyncio.gather(agent.post(form.action, deny), agent.post(form.action, allowed(form)))
    told = [answer for answer in answers if answer.status == 303 and answer.location.startswith(WEB_REDIRECT)]
    assert len(told) == 1
    assert await grants(h) == (1 if "code" in told[0].query else 0)


@pytest.mark.parametrize("version", ["1", "3", "0", "9999999999"])
async def test_a_stale_version(h: Harbour, version: str) -> None:
    agent = h.agent()
    form = await consent_form(h, agent)
    assert form.hidden["version"] == "2"
    stale = [(name, version if name == "version" else value) for name, value in allowed(form)]
    answer = await agent.post(form.action, stale)
    assert (answer.status, answer.location) == (303, form.action)
    assert await grants(h) == 0
    assert "code" in (await agent.post(form.action, allowed(form))).query


@pytest.mark.parametrize("step", ["sign_in", "consent ", "CONSENT", "nothing", "wait"])
async def test_an_answer_to_another_step(h: Harbour, step: str) -> None:
    agent = h.agent()
    form = await consent_form(h, agent)
    fields = [(name, step if name == "step" else value) for name, value in allowed(form)]
    answer = await agent.post(form.action, [*fields, *CREDENTIALS.items()])
    assert (answer.status, answer.location) == (303, form.action)
    assert await grants(h) == 0


async def test_an_interaction_expires(h: Harbour) -> None:
    agent = h.agent()
    form = await sign_in_form(h, agent)
    h.clock.advance(h.issuer.settings.lifetimes.interaction)
    assert_error_page(await agent.post(form.action, {**form.hidden, **CREDENTIALS}), 410)
    assert_error_page(await agent.get(form.action), 410)


async def test_a_decision_after_the_person_signed_out(h: Harbour) -> None:
    agent = h.agent()
    form = await consent_form(h, agent)
    await agent.post("/sign-out", form_of((await agent.get("/sign-out")).text).hidden)
    answer = await agent.post(form.action, allowed(form))
    assert (answer.status, answer.location) == (303, form.action)
    assert "password" in form_of((await agent.get(form.action)).text).names
    assert await grants(h) == 0


async def test_what_was_pinned_when_the_interaction_began_stays(h: Harbour) -> None:
    agent = h.agent()
    form = await consent_form(h, agent)
    await h.change_client(WEB, redirect_uris=("https://evil.example/",))
    answer = await agent.post(
        form.action, [*allowed(form), ("redirect_uri", "https://evil.example/"), ("client_id", SPA)]
    )
    assert answer.location.startswith(f"{WEB_REDIRECT}?code=")


# --- Sessions ---


async def test_the_session_identifier_changes_at_sign_in(h: Harbour) -> None:
    # Session fixation: what the attacker planted or knew is never what the person is signed in with.
    agent = h.agent()
    planted = "A" * 43
    agent.cookies[h.issuer.cookies.session] = planted
    await h.sign_in(agent, await h.authorize(agent))
    first = agent.cookies[h.issuer.cookies.session]
    assert first != planted
    # Also when the session was good before: a new sign-in ends it.
    await h.sign_in(agent, await h.authorize(agent, prompt="login"))
    second = agent.cookies[h.issuer.cookies.session]
    assert second != first
    thief = h.agent()
    for known in (planted, first):
        thief.cookies[h.issuer.cookies.session] = known
        assert (await h.authorize(thief, prompt="none")).query["error"] == "login_required"
    thief.cookies[h.issuer.cookies.session] = second
    assert (await h.authorize(thief, prompt="none")).query["error"] == "consent_required"


async def test_a_new_sign_in_ends_the_session_of_whoever_was_there(h: Harbour) -> None:
    await h.store.put_user(
        User(
            issuer=h.identifier,
            user_id="u-other",
            username="bo",
            password_hash=h.user.password_hash,
        )
    )
    agent = h.agent()
    await h.sign_in(agent, await h.authorize(agent))
    await h.sign_in(agent, await h.authorize(agent, prompt="select_account"), username="bo")
    now = h.clock.now()
    assert await h.store.list_sessions(h.identifier, h.user.user_id, now=now) == ()
    assert len(await h.store.list_sessions(h.identifier, "u-other", now=now)) == 1


async def test_the_cookies_are_shut(h: Harbour) -> None:
    agent = h.agent()
    asked = await h.authorize(agent)
    signed_in = await h.sign_in(agent, asked)
    cookies = [*asked.all("set-cookie"), *signed_in.all("set-cookie")]
    assert len(cookies) == 2
    for cookie in cookies:
        assert cookie.startswith("__Host-grantd-")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert "domain" not in cookie.lower()


async def test_a_cookie_that_came_twice_is_none(h: Harbour) -> None:
    agent = h.agent()
    await h.code_answer(agent)
    value = agent.cookies[h.issuer.cookies.session]
    name = h.issuer.cookies.session
    tossed = h.agent()
    answer = await tossed.get(
        f"/authorize?{authorization_query(prompt='none')}", {"cookie": f"{name}=x; {name}={value}"}
    )
    assert answer.query["error"] == "login_required"


# --- Guessing ---


def without_noise(answer: Answer) -> tuple[int, list[str], str]:
    form = form_of(answer.text)
    text = answer.text.replace(form.hidden["csrf"], "").replace(form.action, "")
    return answer.status, sorted(name for name, _ in answer.headers), text


async def test_an_unknown_user_gets_the_same_answer(h: Harbour) -> None:
    fields = {name: getattr(h.user, name) for name in h.user.__struct_fields__}
    await h.store.put_user(User(**{**fields, "user_id": "u-off", "username": "off", "status": "disabled"}))
    await h.store.put_user(User(issuer=h.identifier, user_id="u-none", username="none"))
    answers = []
    for username, password in (
        (USERNAME, "wrong"),
        ("nobody", "wrong"),
        ("nobody", PASSWORD),
        ("off", PASSWORD),
        ("none", PASSWORD),
        ("none", "x" * 2000),
        ("nobody" * 50, PASSWORD),
    ):
        agent = h.agent()
        form = await sign_in_form(h, agent)
        answer = await agent.post(form.action, {**form.hidden, "username": username, "password": password})
        assert h.issuer.cookies.session not in agent.cookies
        # The page keeps the name that was typed, and that is the only difference.
        status, headers, page = without_noise(answer)
        answers.append((status, headers, page.replace(f'value="{username}"', 'value="…"')))
    assert answers[0][0] == 401
    assert all(answer == answers[0] for answer in answers)


async def test_an_unknown_user_costs_the_same_hash(h: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    spent = []
    pool = h.deployment.neighbours.passwords
    real = pool._matches

    def counted(encoded: str, prepared: str) -> bool | None:
        spent.append(encoded)
        return real(encoded, prepared)

    monkeypatch.setattr(pool, "_matches", counted)
    for username in (USERNAME, "nobody"):
        spent.clear()
        agent = h.agent()
        await h.sign_in(agent, await h.authorize(agent), username=username, password="wrong password")
        assert len(spent) == 1


@pytest.fixture
async def strict() -> AsyncIterator[Harbour]:
    async with harbour(throttle=ThrottleSettings(sign_in_failures=3, sign_in_window=60)) as running:
        yield running


@pytest.mark.req("OA21-137")
@pytest.mark.parametrize("spelling", [USERNAME, "ANA", " ana ", "Ana", "\uff41\uff4e\uff41", "a\uff4ea", "\u1d2cna"])
async def test_another_spelling_of_a_name_gives_no_new_guesses(strict: Harbour, spelling: str) -> None:
    h, agent = strict, strict.agent()
    asked = await h.authorize(agent)
    for name in (USERNAME, USERNAME.upper(), USERNAME):
        assert (await h.sign_in(agent, asked, username=name, password="guess")).status == 401
    assert (await h.sign_in(agent, asked, username=spelling)).status == 429


@pytest.mark.req("OA21-137")
async def test_guesses_at_once_do_not_slip_through(strict: Harbour) -> None:
    h, agent = strict, strict.agent()
    form = await sign_in_form(h, agent)
    fields = {**form.hidden, "username": USERNAME, "password": "guess"}
    answers = await asyncio.gather(*(agent.post(form.action, fields) for _ in range(12)))
    assert sorted(answer.status for answer in answers) == [401] * 3 + [429] * 9
    assert (await agent.post(form.action, {**fields, "password": PASSWORD})).status == 429


# --- Open redirects and hosts ---


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "../evil",
        "%2F%2Fevil.example",
    ],
)
@pytest.mark.parametrize("parameter", ["i", "return_to", "next", "redirect_uri", "post_logout_redirect_uri", "url"])
async def test_no_page_follows_a_foreign_target(h: Harbour, parameter: str, target: str) -> None:
    agent = h.agent()
    form = await consent_form(h, agent)
    for answer in (
        await agent.get(f"/interaction?{parameter}={target}"),
        await agent.get(f"/sign-out?{parameter}={target}"),
        await agent.post(f"/sign-out?{parameter}={target}", {**form_of((await agent.get("/sign-out")).text).hidden}),
    ):
        location = answer.header("location") or "/sign-out"
        assert location == "/sign-out"
        assert "evil.example" not in str(answer.headers)
    if parameter != "i":
        answer = await agent.get(f"{form.action}&{parameter}={target}")
        assert answer.header("location") is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "login.harbour.example.evil.example",
        "login.harbour.example:8443",
        "127.0.0.1:9400",
        "",
        "a b",
        "\xff",
    ],
)
async def test_a_host_that_is_no_issuers(h: Harbour, host: str) -> None:
    answer = await h.agent().get(f"/authorize?{authorization_query()}", {"host": host})
    assert answer.status == 421
    assert answer.header("location") is None
    assert answer.all("set-cookie") == []


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-host": "evil.example"},
        {"x-forwarded-proto": "http", "x-forwarded-port": "81"},
        {"forwarded": "host=evil.example;proto=http"},
        {"x-original-url": "/evil", "x-rewrite-url": "/evil"},
        {"host": "LOGIN.harbour.example"},
        {"x-http-method-override": "DELETE"},
    ],
)
async def test_no_header_changes_where_answers_lead(h: Harbour, headers: Mapping[str, str]) -> None:
    agent = h.agent()
    asked = await agent.get(f"/authorize?{authorization_query()}", headers)
    assert_asks(asked)
    assert "evil" not in str(asked.headers)
    page = await agent.get(asked.location, headers)
    assert page.status == 200
    assert "evil" not in page.text
    silent = await agent.get(f"/authorize?{authorization_query(prompt='none')}", headers)
    assert silent.query["iss"] == h.identifier
    document = (await agent.get("/.well-known/oauth-authorization-server", headers)).json
    assert document["issuer"] == h.identifier


async def test_an_interaction_of_one_issuer_is_nothing_at_another() -> None:
    blue, red = "https://login.harbour.example/blue", "https://login.harbour.example/red"
    async with harbour(identifiers=(blue, red)) as h:
        agent = h.agent()
        asked = await h.authorize(agent)
        assert asked.location.startswith("/blue/interaction?i=")
        form = form_of((await agent.get(asked.location)).text)
        elsewhere = form.action.replace("/blue/", "/red/")
        # Even if the browser's key were the same.
        for name, value in list(agent.cookies.items()):
            agent.cookies[name.replace(h.issuer.cookies.user_agent, h.deployment.issuer(red).cookies.user_agent)] = (
                value
            )
        agent.cookies[h.deployment.issuer(red).cookies.user_agent] = agent.cookies[h.issuer.cookies.user_agent]
        assert_error_page(await agent.get(elsewhere), 410)
        assert_error_page(await agent.post(elsewhere, {**form.hidden, **CREDENTIALS}), 403)


async def test_a_session_of_one_issuer_is_nothing_at_another() -> None:
    blue, red = "https://login.harbour.example/blue", "https://login.harbour.example/red"
    async with harbour(identifiers=(blue, red)) as h:
        agent = h.agent()
        await h.sign_in(agent, await h.authorize(agent))
        agent.cookies[h.deployment.issuer(red).cookies.session] = agent.cookies[h.issuer.cookies.session]
        h.identifier = red
        assert (await h.authorize(agent, prompt="none")).query["error"] == "login_required"


@pytest.mark.req("OA21-127")
@pytest.mark.parametrize(
    "ancestor",
    [
        "https://a.example; script-src *",
        "'self'",
        "*",
        "https://*.example",
        "data:",
        "https://a.example https://b.example",
    ],
)
async def test_framing_cannot_be_widened_by_a_crafted_origin(h: Harbour, ancestor: str) -> None:
    await h.change_client(WEB, frame_ancestors=(ancestor,))
    agent = h.agent()
    page = await agent.get((await h.authorize(agent)).location)
    (policy,) = page.all("content-security-policy")
    assert "frame-ancestors 'none'" in policy
    assert policy.count("script-src") == 1
    assert page.all("x-frame-options") == ["DENY"]


@pytest.mark.parametrize("uri", ["com.example.app://a;sandbox/cb", "com.example.app://x;script-src/cb"])
async def test_a_redirect_uri_adds_no_directive(h: Harbour, uri: str) -> None:
    await h.change_client(SPA, redirect_uris=(uri,), application_type="native")
    agent = h.agent()
    page = await agent.get((await h.authorize(agent, SPA, redirect_uri=uri)).location)
    (policy,) = page.all("content-security-policy")
    names = [part.split()[0] for part in policy.split(";")]
    assert "sandbox" not in names
    assert names.count("script-src") == 1


def test_the_settings_of_these_attacks_are_the_defaults_or_stricter() -> None:
    defaults = IssuerSettings(issuer="https://login.harbour.example").throttle
    assert defaults.sign_in_failures <= 10
    assert msgspec.structs.asdict(defaults)["sign_in_window"] >= 60
