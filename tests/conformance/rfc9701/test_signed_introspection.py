"""RFC 9701: introspection answers as evidence."""

from typing import Any

import msgspec
import pytest
from joserfc import jwe, jwt
from joserfc.jwk import ECKey, RSAKey
from tests.support.asgi import Answer
from tests.support.harness import (
    ISSUER,
    OTHER_RESOURCE_SERVER,
    RESOURCE_SERVER,
    Harbour,
    basic,
    harbour,
    resource_servers,
)
from tests.support.independent import published_keys, read_jwt

from grantd.server.settings import KeySettings
from grantd.storage.records import ResourceServer

pytestmark = pytest.mark.anyio

MEDIA_TYPE = "application/token-introspection+jwt"


async def ask(h: Harbour, token: str, as_: str = RESOURCE_SERVER, accept: str = MEDIA_TYPE) -> Answer:
    answer = await h.agent().post(h.url("introspection"), {"token": token}, {**basic(as_), "accept": accept})
    assert answer.status == 200, answer.text
    return answer


async def change(h: Harbour, **members: Any) -> None:
    changed: ResourceServer = msgspec.structs.replace(resource_servers()[0], version=2, **members)
    assert await h.store.put_resource_server(changed)
    h.issuer.load_resource_servers(await h.store.list_resource_servers(ISSUER))


@pytest.mark.req("INTR-11", "INTR-12")
async def test_signed_form(h: Harbour) -> None:
    token = (await h.tokens())["access_token"]
    plain = await h.introspect(token)
    answer = await ask(h, token)
    assert answer.header("content-type") == MEDIA_TYPE
    header, claims = await read_jwt(h, answer.text)
    assert header["typ"] == "token-introspection+jwt"
    assert claims["iss"] == ISSUER
    assert claims["aud"] == RESOURCE_SERVER
    assert claims["iat"] == h.clock.now()
    assert claims["token_introspection"] == plain
    # Nothing of the token stands outside, so that nobody takes the answer for one.
    assert claims.keys() == {"iss", "aud", "iat", "token_introspection"}


@pytest.mark.req("INTR-11", "INTR-06")
async def test_signed_form_for_dead_and_foreign_tokens(h: Harbour) -> None:
    token = (await h.tokens())["access_token"]
    for value, as_ in (("x", RESOURCE_SERVER), (token, OTHER_RESOURCE_SERVER)):
        claims = (await read_jwt(h, (await ask(h, value, as_)).text))[1]
        assert claims["token_introspection"] == {"active": False}
        assert claims["aud"] == as_


@pytest.mark.req("INTR-11")
@pytest.mark.parametrize(
    ("accept", "signed"),
    [
        (MEDIA_TYPE, True),
        (f"application/json;q=0.5, {MEDIA_TYPE}", True),
        (MEDIA_TYPE.upper(), True),
        ("application/json", False),
        ("*/*", False),
    ],
)
async def test_accept_chooses_the_form(h: Harbour, accept: str, *, signed: bool) -> None:
    answer = await ask(h, "x", accept=accept)
    assert answer.header("content-type") == (MEDIA_TYPE if signed else "application/json")


@pytest.mark.req("INTR-12", "INTR-04")
async def test_the_answer_is_no_access_token(h: Harbour) -> None:
    token = (await h.tokens())["access_token"]
    signed = (await ask(h, token)).text
    assert await h.introspect(signed) == {"active": False}


@pytest.mark.req("INTR-13")
@pytest.mark.parametrize(("wanted", "used"), [("ES256", "ES256"), ("EdDSA", "EdDSA"), ("RS256", "ES256")])
async def test_signed_with_the_registered_algorithm(wanted: str, used: str) -> None:
    async with harbour(keys=KeySettings(algorithms=("ES256", "EdDSA"))) as h:
        await h.deployment.key_lifecycles[ISSUER].ensure_all()
        h.issuer.keys.update(await h.store.list_keys(ISSUER))
        await change(h, introspection_signed_response_alg=wanted)
        # An algorithm that this issuer has no key for gives way to the issuer's own; never to no signature.
        assert (await read_jwt(h, (await ask(h, "x")).text))[0]["alg"] == used


@pytest.mark.req("INTR-13")
@pytest.mark.parametrize(
    ("key", "alg", "enc"),
    [
        (ECKey.generate_key("P-256"), "ECDH-ES", ""),
        (ECKey.generate_key("P-256"), "ECDH-ES+A256KW", "A256GCM"),
        (RSAKey.generate_key(2048), "RSA-OAEP-256", "A128GCM"),
    ],
)
async def test_signed_then_encrypted(h: Harbour, key: ECKey | RSAKey, alg: str, enc: str) -> None:
    public = {**key.as_dict(private=False), "use": "enc", "kid": "rs-1"}
    await change(
        h,
        introspection_encrypted_response_alg=alg,
        introspection_encrypted_response_enc=enc,
        jwks={"keys": [public]},
    )
    token = (await h.tokens())["access_token"]
    answer = await ask(h, token)
    assert answer.header("content-type") == MEDIA_TYPE
    algorithms = [alg, enc or "A128CBC-HS256"]
    outer = jwe.decrypt_compact(answer.text, key, algorithms=algorithms)
    assert outer.headers()["enc"] == (enc or "A128CBC-HS256")
    assert outer.headers()["kid"] == "rs-1"
    assert outer.plaintext is not None
    inner = jwt.decode(outer.plaintext.decode(), await published_keys(h), algorithms=["ES256"])
    assert inner.header["typ"] == "token-introspection+jwt"
    assert inner.claims["token_introspection"]["active"] is True


@pytest.mark.req("INTR-13")
async def test_a_content_encryption_alone_encrypts_nothing(h: Harbour) -> None:
    """`enc` without `alg` has no meaning; the answer stays a readable signature."""
    await change(h, introspection_encrypted_response_enc="A256GCM")
    claims = (await read_jwt(h, (await ask(h, "x")).text))[1]
    assert claims["token_introspection"] == {"active": False}
