"""The sketch of a foreign assertion runs over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.extension_sketches.identity_assertion import (
    GRANT_TYPE,
    IDENTITY_ASSERTION,
    JWT_BEARER,
    TRUST,
    TrustRecord,
    key_of,
)
from tests.support.asgi import Answer
from tests.support.harness import SERVICE, TIDES, Harbour, harbour

from grantd.jose import CompactSigner, SigningKey, decode
from grantd.server.catalogue import FEATURES
from grantd.storage.records import FeatureRecord

IDP, TYP, CLIENT = "https://idp.corp.example", "oauth-id-jag+jwt", "crew-app"
KEY, OTHER_KEY = SigningKey.generate("ES256", kid="k1"), SigningKey.generate("ES256", kid="k1")
pytestmark = pytest.mark.anyio


@pytest.fixture
async def port() -> AsyncIterator[Harbour]:
    features = (*FEATURES, JWT_BEARER, IDENTITY_ASSERTION)
    async with harbour(features=features, drafts={"identity_assertion": "-04"}) as running:
        service = await running.store.find_client(running.identifier, SERVICE)
        assert service is not None
        await running.put_client(CLIENT, msgspec.structs.replace(service.metadata, grant_types=(GRANT_TYPE,)))
        await trust(running, IDP, "identity-assertion")
        yield running


async def trust(port: Harbour, iss: str, *purposes: str) -> None:
    body = msgspec.json.encode(TrustRecord(purposes, {"keys": [dict(KEY.public_jwk)]}))
    assert await port.store.insert_record(FeatureRecord(issuer=port.identifier, kind=TRUST, key=key_of(iss), body=body))


def assertion(port: Harbour, *, typ: str = TYP, key: SigningKey = KEY, **changes: Any) -> str:
    now = port.clock.now()
    claims = {
        "iss": IDP,
        "sub": "e-4711",
        "aud": port.identifier,
        "client_id": CLIENT,
        "jti": "j-1",
        "iat": now,
        "exp": now + 300,
        "scope": "tides.read status",
        "resource": TIDES,
        "aud_sub": port.user.user_id,
        "amr": ["mfa"],
        "auth_time": now - 60,
        **changes,
    }
    return CompactSigner(key, typ=typ).sign({name: value for name, value in claims.items() if value is not None})


async def redeem(port: Harbour, value: str, **form: Any) -> Answer:
    return await port.token(CLIENT, grant_type=GRANT_TYPE, assertion=value, **form)


async def test_an_assertion_becomes_an_access_token_for_the_linked_person(port: Harbour) -> None:
    answer = await redeem(port, assertion(port), scope="tides.read")
    assert answer.status == 200, answer.text
    assert "refresh_token" not in answer.json
    claims = decode(answer.json["access_token"]).claims
    assert (claims["sub"], claims["aud"], claims["scope"]) == (port.user.user_id, TIDES, "tides.read")
    assert claims["amr"] == ["mfa"]
    assert (await port.introspect(answer.json["access_token"]))["active"] is True
    metadata = (await port.agent().get("/.well-known/oauth-authorization-server")).json
    assert metadata["authorization_grant_profiles_supported"] == ["urn:ietf:params:oauth:grant-profile:id-jag"]


async def test_it_is_used_once_by_many_at_a_time_and_a_refused_request_does_not_spend_it(port: Harbour) -> None:
    value = assertion(port)
    assert (await redeem(port, value, scope="cranes.lift")).json["error"] == "invalid_scope"
    answers = await asyncio.gather(*(redeem(port, value) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200, *[400] * 19]


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "jwt"},
        {"typ": "at+jwt"},
        {"key": OTHER_KEY},
        {"iss": "https://elsewhere.example"},
        {"iss": "https://login.harbour.example"},
        {"aud": "https://elsewhere.example"},
        {"aud": ["https://login.harbour.example", "https://elsewhere.example"]},
        {"client_id": "deck-cli"},
        {"exp": 1},
        {"exp": 4_000_000_000},
        {"jti": None},
        {"aud_sub": None},
        {"aud_sub": "nobody"},
    ],
)
async def test_what_is_not_ours_to_take_is_refused(port: Harbour, changes: dict[str, Any]) -> None:
    answer = await redeem(port, assertion(port, **changes))
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


async def test_trust_is_for_a_purpose(port: Harbour) -> None:
    await trust(port, "https://other.corp.example", "authorization-chaining")
    answer = await redeem(port, assertion(port, iss="https://other.corp.example"))
    assert answer.json["error"] == "invalid_grant"


async def test_text_of_strangers_is_no_assertion(port: Harbour) -> None:
    for text in ("x", "a.b.c", "eyJhbGciOiJub25lIn0..", "." * 200):
        assert (await redeem(port, text)).json["error"] == "invalid_grant"
    assert (await redeem(port, "")).json["error"] == "invalid_request"
