"""OA21-061 to OA21-066 and OA21-070: the code, and the redirect that carries it."""

from base64 import urlsafe_b64decode

import pytest
from tests.support.asgi import Answer
from tests.support.forms import form_of
from tests.support.harness import (
    CHALLENGE,
    CLI,
    ISSUER,
    PASSWORD,
    SPA,
    USERNAME,
    VERIFIER,
    WEB,
    WEB_REDIRECT,
    Harbour,
    harbour,
)
from tests.support.outcomes import assert_asks, assert_refused

from grantd.server.settings import IssuerSettings, Lifetimes, Settings
from grantd.server.settings.check import check_settings

pytestmark = pytest.mark.anyio


def assert_invalid_grant(answer: Answer) -> None:
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant"), answer.text


@pytest.mark.req("OA21-061")
@pytest.mark.parametrize("lifetime", [60, 600])
async def test_a_code_expires(lifetime: int) -> None:
    async with harbour(lifetimes=Lifetimes(authorization_code=lifetime)) as h:
        early, late = await h.code(), await h.code()
        h.clock.advance(lifetime - 1)
        assert (await h.redeem(early)).status == 200
        h.clock.advance(1)
        assert_invalid_grant(await h.redeem(late))


@pytest.mark.req("OA21-061")
async def test_no_operator_makes_codes_live_longer_than_ten_minutes() -> None:
    def findings(seconds: int) -> list[str]:
        issuer = IssuerSettings(issuer=ISSUER, lifetimes=Lifetimes(authorization_code=seconds))
        return [finding.keys[0] for finding in check_settings(Settings(issuers=(issuer,)))]

    assert "issuers[0].lifetimes.authorization_code" not in findings(600)
    assert "issuers[0].lifetimes.authorization_code" in findings(601)
    assert Lifetimes().authorization_code == 60


@pytest.mark.req("OA21-062")
@pytest.mark.parametrize("thief", [CLI, SPA])
async def test_a_code_belongs_to_its_client(h: Harbour, thief: str) -> None:
    code = await h.code()
    assert_invalid_grant(await h.redeem(code, thief))
    # The thief's attempt cost the owner nothing.
    assert (await h.redeem(code)).status == 200


@pytest.mark.req("OA21-062")
@pytest.mark.parametrize(
    "verifier", [VERIFIER[:-1] + "Z", VERIFIER.lower(), CHALLENGE, "A" * 43, VERIFIER + "A", VERIFIER[:42], None, ""]
)
async def test_a_code_belongs_to_its_challenge(h: Harbour, verifier: str | None) -> None:
    code = await h.code()
    assert_invalid_grant(await h.redeem(code, code_verifier=verifier))
    assert (await h.redeem(code)).status == 200


@pytest.mark.req("OA21-062")
async def test_a_code_does_not_fit_the_challenge_of_another_request(h: Harbour) -> None:
    mine = await h.code()
    await h.code(code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    assert_invalid_grant(await h.redeem(mine, code_verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))


@pytest.mark.req("OA21-062")
@pytest.mark.parametrize("sent", [WEB_REDIRECT, None])
async def test_a_code_belongs_to_its_redirect_uri(h: Harbour, sent: str | None) -> None:
    other = "https://fleet.example/other"
    code = await h.code(redirect_uri=sent)
    await h.change_client(WEB, redirect_uris=(WEB_REDIRECT, other))
    for wrong in (other, f"{WEB_REDIRECT}/", "https://evil.example/"):
        assert_invalid_grant(await h.redeem(code, redirect_uri=wrong))
    assert (await h.redeem(code, redirect_uri=WEB_REDIRECT)).status == 200


STATES = [
    "a b",
    "a&b=c",
    "a+b",
    "a%20b",
    "%",
    "=",
    "#",
    "k9Vv-2",
    "~!@$^*()_-{}|[]:;'<>,.?/",
    'quo"te\\',
    "x" * 4000,
    "ä☃",
]


@pytest.mark.req("OA21-063")
@pytest.mark.parametrize("state", STATES)
async def test_state_comes_back_exactly(h: Harbour, state: str) -> None:
    agent = h.agent()
    # In an error that waits for the sign-in, through the consent page, at once, and in an error at once.
    late = await h.sign_in(agent, await h.authorize(agent, state=state, scope="no.such"))
    assert_refused(late, "invalid_scope", state=state)
    assert (await h.code_answer(agent, state=state)).query["state"] == state
    assert (await h.authorize(agent, state=state)).query["state"] == state
    assert_refused(await h.authorize(agent, state=state, scope="no.such"), "invalid_scope", state=state)


@pytest.mark.req("OA21-063")
@pytest.mark.parametrize("absent", [None, ""])
async def test_no_state_comes_back_when_none_was_sent(h: Harbour, absent: str | None) -> None:
    agent = h.agent()
    assert "state" not in (await h.code_answer(agent, state=absent)).query
    assert_refused(await h.authorize(agent, state=absent, scope="no.such"), "invalid_scope", state=None)


@pytest.mark.req("OA21-064")
async def test_iss_on_success_and_on_error(h: Harbour) -> None:
    agent = h.agent()
    assert (await h.code_answer(agent)).query["iss"] == h.identifier
    assert_refused(await h.authorize(agent, scope="no.such"), "invalid_scope")


@pytest.mark.req("OA21-065")
async def test_a_code_does_not_show_its_challenge(h: Harbour) -> None:
    agent = h.agent()
    digest = urlsafe_b64decode(CHALLENGE + "=")
    codes = [await h.code(agent) for _ in range(3)]
    for code in codes:
        raw = urlsafe_b64decode(code[:22] + "==") + urlsafe_b64decode(code[22:] + "=")
        for piece in (CHALLENGE, VERIFIER, CHALLENGE[:8], digest.hex()[:8]):
            assert piece not in code
        for start in range(len(digest) - 4):
            assert digest[start : start + 5] not in raw
    # Three codes for one challenge have nothing in common but the time at which their grants' names begin.
    assert len({code[index : index + 8] for code in codes for index in range(8, 64, 8)}) == 21


@pytest.mark.req("OA21-065")
async def test_the_challenge_is_kept_with_the_code(h: Harbour) -> None:
    await h.code()
    (grant,) = await h.store.list_grants(h.identifier, by="client", key=WEB)
    assert grant.evidence["pkce"] == {"challenge": CHALLENGE, "method": "S256"}
    assert grant.code_hash is not None


@pytest.mark.req("OA21-066")
async def test_every_redirect_is_303(h: Harbour) -> None:
    agent = h.agent()
    start = await agent.post("/authorize", b"")
    assert start.status == 400
    start = await h.authorize(agent, prompt="consent")
    assert_asks(start)
    form = form_of((await agent.get(start.location)).text)
    signed_in = await agent.post(form.action, {**form.hidden, "username": USERNAME, "password": PASSWORD})
    assert (signed_in.status, signed_in.location) == (303, start.location)
    decided = await h.decide(agent, signed_in)
    assert decided.status == 303
    assert "code" in decided.query
    # The browser keeps the page with the code out of Referer and out of its cache.
    assert decided.header("referrer-policy") == "no-referrer"
    assert decided.header("cache-control") == "no-store"
    denied = await h.decide(agent, await h.authorize(agent, prompt="consent"), "deny")
    assert denied.status == 303
    assert_refused(denied, "access_denied")


@pytest.mark.req("OA21-066")
async def test_the_redirect_after_the_password_is_303_when_it_leaves_at_once(h: Harbour) -> None:
    await h.code_answer(h.agent())
    agent = h.agent()
    answer = await h.sign_in(agent, await h.authorize(agent))
    assert answer.status == 303
    assert answer.location.startswith(f"{WEB_REDIRECT}?code=")


@pytest.mark.req("OA21-070")
async def test_the_metadata_names_the_challenge_methods(h: Harbour) -> None:
    for suffix in ("oauth-authorization-server", "openid-configuration"):
        document = (await h.agent().get(f"/.well-known/{suffix}")).json
        assert document["code_challenge_methods_supported"] == ["S256"]
