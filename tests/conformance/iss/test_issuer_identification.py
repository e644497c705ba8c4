"""ISS-01 to ISS-05 (RFC 9207): every answer of the authorization endpoint names its server."""

from typing import Any

import pytest
from tests.support.harness import ISSUER, WEB_REDIRECT, Harbour, harbour
from tests.support.outcomes import assert_error_page, assert_refused

from grantd.core.issuers import check_issuer
from grantd.server.catalogue import FEATURES
from grantd.server.deployment import compose
from grantd.server.extension.feature import CompositionError
from grantd.server.settings import IssuerSettings, Settings

pytestmark = pytest.mark.anyio

ENCODED = "iss=https%3A%2F%2Flogin.harbour.example"


@pytest.mark.req("ISS-01", "ISS-05")
async def test_success(h: Harbour) -> None:
    answer = await h.code_answer(h.agent())
    assert ENCODED in answer.location.partition("?")[2].split("&")


@pytest.mark.req("ISS-01", "ISS-05")
async def test_access_denied(h: Harbour) -> None:
    agent = h.agent()
    signed_in = await h.sign_in(agent, await h.authorize(agent))
    answer = await h.decide(agent, signed_in, "deny")
    assert_refused(answer, "access_denied")
    assert answer.location.startswith(f"{WEB_REDIRECT}?error=access_denied&")
    assert ENCODED in answer.location.split("&")


@pytest.mark.req("ISS-01", "ISS-05")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "no.such"}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"resource": "https://nowhere.example/"}, "invalid_target"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"state": None, "scope": "no.such"}, "invalid_scope"),
    ],
)
async def test_errors(h: Harbour, changes: dict[str, Any], error: str) -> None:
    agent = h.agent()
    answer = await h.authorize(agent, **changes)
    if "prompt" not in changes:
        answer = await h.sign_in(agent, answer)
    assert_refused(answer, error, state=None if "state" in changes else "k9Vv-2")
    assert ENCODED in answer.location.split("&")


@pytest.mark.req("ISS-01")
async def test_consent_required(h: Harbour) -> None:
    assert_refused(await h.authorize(await h.signed_in(), prompt="none"), "consent_required")


@pytest.mark.req("ISS-01")
async def test_a_page_never_becomes_a_redirect_to_carry_the_issuer(h: Harbour) -> None:
    assert_error_page(await h.authorize(h.agent(), "nobody", redirect_uri=WEB_REDIRECT))


@pytest.mark.req("ISS-02")
@pytest.mark.parametrize(
    ("issuer", "good"),
    [
        (ISSUER, True),
        (f"{ISSUER}/t/blue", True),
        (f"{ISSUER}?t=blue", False),
        (f"{ISSUER}?", False),
        (f"{ISSUER}#blue", False),
        (f"{ISSUER}#", False),
        ("http://login.harbour.example", False),
        ("HTTPS://login.harbour.example", False),
        ("https://user@login.harbour.example", False),
    ],
)
def test_the_issuer_is_checked_at_start(issuer: str, *, good: bool) -> None:
    assert (check_issuer(issuer) is None) is good


@pytest.mark.req("ISS-03", "ISS-05")
async def test_the_parameter_is_the_issuer_of_the_metadata_per_tenant() -> None:
    identifiers = (ISSUER, f"{ISSUER}/t/blue", "https://other.harbour.example/")
    async with harbour(identifiers=identifiers) as h:
        for identifier in identifiers:
            h.identifier = identifier
            agent = h.agent(identifier=identifier)
            path = identifier.partition("://")[2].partition("/")[2].rstrip("/")
            document = (await agent.get(f"/.well-known/oauth-authorization-server/{path}".rstrip("/"))).json
            assert document["issuer"] == identifier
            answer = await h.authorize(agent, prompt="none")
            assert answer.query["iss"] == document["issuer"]
            answer = await h.sign_in(agent, await h.authorize(agent, scope="no.such"))
            assert answer.query["iss"] == document["issuer"]


@pytest.mark.req("ISS-04")
async def test_the_metadata_announces_it(h: Harbour) -> None:
    for suffix in ("oauth-authorization-server", "openid-configuration"):
        document = (await h.agent().get(f"/.well-known/{suffix}")).json
        assert document["authorization_response_iss_parameter_supported"] is True


@pytest.mark.req("ISS-02", "ISS-04")
async def test_a_loopback_issuer_sends_it_without_announcing_it() -> None:
    # Open point: an identifier with http is none that RFC 9207 allows, so no client may be told to insist on it.
    async with harbour(identifiers=("http://localhost:9400",)) as h:
        document = (await h.agent().get("/.well-known/oauth-authorization-server")).json
        assert document["issuer"] == "http://localhost:9400"
        assert "authorization_response_iss_parameter_supported" not in document
        answer = await h.authorize(h.agent(), prompt="none")
        assert answer.query["iss"] == "http://localhost:9400"


@pytest.mark.req("ISS-01")
def test_no_configuration_takes_it_out() -> None:
    names = tuple(feature.name for feature in FEATURES if feature.name != "issuer_identification")
    issuer = IssuerSettings(issuer=ISSUER, features=names)
    with pytest.raises(CompositionError, match="issuer_identification"):
        compose(Settings(issuers=(issuer,)), issuer)
