"""The sketch of the challenge endpoint runs over HTTP, without a page."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.extension_sketches.authorization_challenge import FEATURE
from tests.support.asgi import Answer
from tests.support.harness import CHALLENGE, CLI, PASSWORD, USERNAME, WEB, Harbour, harbour, pairs

from grantd.jose.verify import decode
from grantd.server.catalogue import FEATURES
from grantd.storage.records import ClientMetadata

APP = "harbour-app"
pytestmark = pytest.mark.anyio


@pytest.fixture
async def port() -> AsyncIterator[Harbour]:
    async with harbour(features=(*FEATURES, FEATURE), drafts={"authorization_challenge": "-03"}) as running:
        await running.put_client(APP, app())
        yield running


def app(**members: Any) -> ClientMetadata:
    return ClientMetadata(
        **{
            "client_name": "Harbour app",
            "grant_types": ("authorization_code", "refresh_token"),
            "token_endpoint_auth_method": "none",
            "application_type": "native",
            "first_party": True,
            "skip_consent": True,
            **members,
        }
    )


async def ask(port: Harbour, **form: Any) -> Answer:
    fields = {
        "client_id": APP,
        "response_type": "code",
        "scope": "tides.read",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **form,
    }
    return await port.agent().post(port.url("authorization_challenge"), pairs(fields))


async def go_on(port: Harbour, session: str, **form: Any) -> Answer:
    return await port.agent().post(
        port.url("authorization_challenge"), pairs({"client_id": APP, "auth_session": session, **form})
    )


async def test_one_message_with_name_and_password_gives_a_code_that_the_token_endpoint_takes(port: Harbour) -> None:
    answer = await ask(port, username=USERNAME, password=PASSWORD)
    assert answer.status == 200, answer.text
    assert answer.json["iss"] == port.identifier
    tokens = await port.redeem(answer.json["authorization_code"], APP)
    assert tokens.status == 200, tokens.text
    assert decode(tokens.json["access_token"]).claims["sub"] == port.user.user_id


async def test_what_is_missing_is_asked_for_and_a_wrong_answer_says_so(port: Harbour) -> None:
    asked = await ask(port)
    assert (asked.status, asked.json["error"]) == (400, "insufficient_authorization")
    assert asked.json["challenge"] == "sign_in"
    assert list(asked.json["view"]["methods"]) == ["password"]
    session = asked.json["auth_session"]
    wrong = await go_on(port, session, username=USERNAME, password="guess")
    assert (wrong.json["error"], wrong.json["problem"]) == ("insufficient_authorization", "wrong_credentials")
    right = await go_on(port, session, username=USERNAME, password=PASSWORD)
    assert "authorization_code" in right.json
    # The session is spent with the code.
    assert (await go_on(port, session)).json["error"] == "invalid_session"


async def test_consent_is_a_challenge_like_any_other(port: Harbour) -> None:
    await port.put_client(APP, app(skip_consent=False))
    asked = await ask(port, username=USERNAME, password=PASSWORD, scope="tides.read status", resource=None)
    assert asked.json["challenge"] == "consent"
    offered = [item["value"] for content in asked.json["view"]["contents"] for item in content["items"]]
    assert offered == ["tides.read", "status"]
    answer = await go_on(port, asked.json["auth_session"], decision="allow", scopes=["tides.read"])
    tokens = await port.redeem(answer.json["authorization_code"], APP)
    assert tokens.json["scope"] == "tides.read"


async def test_a_refused_consent_is_access_denied(port: Harbour) -> None:
    await port.put_client(APP, app(skip_consent=False))
    answer = await ask(port, username=USERNAME, password=PASSWORD, decision="deny")
    assert (answer.status, answer.json["error"]) == (400, "access_denied")


async def test_many_wrong_answers_are_told_when_to_come_back(port: Harbour) -> None:
    for _ in range(10):
        assert (await ask(port, username=USERNAME, password="guess")).status == 400
    answer = await ask(port, username=USERNAME, password=PASSWORD)
    assert (answer.status, answer.json["problem"]) == (429, "throttled")
    assert int(answer.header("retry-after") or 0) > 0


async def test_requests_are_checked_as_on_every_other_road(port: Harbour) -> None:
    assert (await ask(port, code_challenge=None, code_challenge_method=None)).json["error"] == "invalid_request"
    assert (await ask(port, scope="nothing")).json["error"] == "invalid_scope"
    assert (await ask(port, response_type="token")).json["error"] == "unsupported_response_type"
    assert (await ask(port, redirect_uri="https://evil.example/")).json["error"] == "invalid_request"
    assert (await ask(port, client_id=CLI)).json["error"] == "unauthorized_client"
    assert (await ask(port, client_id=WEB)).json["error"] == "invalid_client"


async def test_a_session_belongs_to_its_client_and_to_who_holds_its_secret(port: Harbour) -> None:
    session = (await ask(port)).json["auth_session"]
    await port.put_client("other-app", app())
    assert (await go_on(port, session, client_id="other-app")).json["error"] == "invalid_session"
    assert (await go_on(port, session[:-1] + "~")).json["error"] == "invalid_session"
    assert (await go_on(port, session, username=USERNAME, password=PASSWORD)).status == 200
