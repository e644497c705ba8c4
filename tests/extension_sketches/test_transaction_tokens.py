"""The sketch of transaction tokens runs over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.extension_sketches.transaction_tokens import ACCESS_TOKEN, EXCHANGE, GRANT_TYPE, TRANSACTIONS, TXN_TOKEN
from tests.support.asgi import Answer
from tests.support.harness import SERVICE, Harbour, harbour

from grantd.core.specification import Specification
from grantd.jose.verify import decode
from grantd.server.catalogue import FEATURES
from grantd.server.extension import Feature
from grantd.server.extension.points import SenderBinding, TokenContribution

pytestmark = pytest.mark.anyio


async def prove_key(_request: object) -> tuple[dict[str, Any], str]:
    return {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}, "DPoP"


BOUND = Feature(
    name="bound",
    specification=Specification(title="b", number="b", version="1", status="house", link="https://a.example"),
    summary="Every sender proves a key; another feature adds a claim to transaction tokens.",
    contributions=(
        SenderBinding(name="always", present=lambda _request: True, build=lambda _issuer: prove_key),
        TokenContribution(
            names=frozenset({"act"}),
            contribute=lambda issuance: {"act": {"sub": issuance.client.client_id}},
            profile="transaction_token",
        ),
    ),
)


@pytest.fixture
async def port() -> AsyncIterator[Harbour]:
    settings = {"transaction_tokens": {"trust_domains": ["harbour.internal"], "allow_shared_secret": True}}
    async with harbour(
        features=(*FEATURES, EXCHANGE, TRANSACTIONS, BOUND),
        drafts={"transaction_tokens": "-09"},
        feature_settings=settings,
    ) as running:
        service = await running.store.find_client(running.identifier, SERVICE)
        assert service is not None
        metadata = msgspec.structs.replace(
            service.metadata,
            grant_types=(GRANT_TYPE, "client_credentials"),
            extensions={"txn_token_allowed": True, "workload_id": "gateway"},
        )
        await running.put_client("gateway-1", metadata)
        yield running


async def exchange(port: Harbour, subject: str, **form: Any) -> Answer:
    fields = {
        "grant_type": GRANT_TYPE,
        "requested_token_type": TXN_TOKEN,
        "subject_token": subject,
        "subject_token_type": ACCESS_TOKEN,
        "audience": "harbour.internal",
        "scope": "tides.read",
        "request_details": '{"gauge": 7}',
        **form,
    }
    return await port.token("gateway-1", **fields)


async def test_an_access_token_becomes_a_transaction_token(port: Harbour) -> None:
    tokens = await port.tokens()
    answer = await exchange(port, tokens["access_token"])
    assert answer.status == 200, answer.text
    body = dict(answer.json)
    token = decode(body.pop("access_token"))
    # The sender proved a key, but this profile is never bound, and its token_type says that it is no access token.
    assert body == {
        "issued_token_type": TXN_TOKEN,
        "token_type": "N_A",
        "expires_in": 60,
        "scope": "tides.read",
    }
    assert token.header["typ"] == "txntoken+jwt"
    now, access = port.clock.now(), decode(tokens["access_token"]).claims
    assert access["cnf"]
    claims = dict(token.claims)
    assert claims.pop("txn")
    assert claims.pop("jti").partition(".")[0] == access["jti"].partition(".")[0]
    assert claims == {
        "iss": port.identifier,
        "aud": "harbour.internal",
        "iat": now,
        "exp": now + 60,
        "sub": port.user.user_id,
        "scope": "tides.read",
        "req_wl": "gateway",
        "tctx": {"gauge": 7},
        "act": {"sub": "gateway-1"},
    }


async def test_it_does_not_outlive_its_subject_and_is_no_access_token(port: Harbour) -> None:
    tokens = await port.tokens()
    port.clock.advance(280)
    answer = await exchange(port, tokens["access_token"])
    assert answer.json["expires_in"] == 20
    assert await port.introspect(answer.json["access_token"]) == {"active": False}
    # The subject token lives on (TX-15).
    assert (await port.introspect(tokens["access_token"]))["active"] is True


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"requested_token_type": "urn:other"}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"audience": None}, "invalid_request"),
        ({"audience": "elsewhere"}, "invalid_target"),
        ({"audience": ["harbour.internal", "elsewhere"]}, "invalid_target"),
        ({"scope": "tides.read cranes.read"}, "invalid_scope"),
        ({"scope": None}, "invalid_request"),
        ({"request_details": "[1]"}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
    ],
)
async def test_what_does_not_fit_is_refused(port: Harbour, form: dict[str, Any], error: str) -> None:
    tokens = await port.tokens()
    answer = await exchange(port, tokens["access_token"], **form)
    assert (answer.status, answer.json["error"]) == (400, error)


async def test_a_revoked_subject_and_a_client_without_permission_are_refused(port: Harbour) -> None:
    tokens = await port.tokens()
    await port.revoke(tokens["access_token"])
    assert (await exchange(port, tokens["access_token"])).json["error"] == "invalid_request"
    await port.change_client("gateway-1", extensions={})
    assert (await exchange(port, tokens["access_token"])).json["error"] == "unauthorized_client"
