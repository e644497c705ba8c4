"""RFC 9068: JWT access tokens, read by an independent library with the published keys."""

import json
from base64 import urlsafe_b64decode

import msgspec
import pytest
from tests.support.harness import CRANES, ISSUER, SERVICE, TIDES, WEB, Harbour, harbour, resource_servers
from tests.support.independent import assert_error, metadata_of, published_keys, read_jwt

from grantd.server.settings import KeySettings

pytestmark = pytest.mark.anyio

REQUIRED = {"iss": str, "exp": int, "aud": str, "sub": str, "client_id": str, "iat": int, "jti": str}


async def every_token(h: Harbour) -> dict[str, str]:
    tokens = await h.tokens()
    return {
        "authorization_code": tokens["access_token"],
        "refresh_token": (await h.refresh(tokens["refresh_token"])).json["access_token"],
        "client_credentials": (await h.client_credentials()).json["access_token"],
    }


@pytest.mark.req("JAT-01", "JAT-03")
async def test_header_is_typed_and_signed(h: Harbour) -> None:
    for token in (await every_token(h)).values():
        header, _ = await read_jwt(h, token)
        assert header["typ"] == "at+jwt"
        assert header["alg"] == "ES256"
        assert header["kid"] in {key.kid for key in (await published_keys(h)).keys}
        assert header.keys() == {"typ", "alg", "kid"}


@pytest.mark.req("JAT-01")
async def test_unsigned_and_foreign_tokens_are_nobodys(h: Harbour) -> None:
    token = (await h.tokens())["access_token"]
    head, body, signature = token.split(".")
    for altered in (
        f"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{body}.",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[::-1]}",
    ):
        assert await h.introspect(altered) == {"active": False}


@pytest.mark.req("JAT-02")
async def test_rs256_is_available() -> None:
    async with harbour(keys=KeySettings(algorithms=("RS256",))) as h:
        token = (await h.client_credentials()).json["access_token"]
        header, claims = await read_jwt(h, token)
        assert (header["alg"], claims["sub"]) == ("RS256", f"client:{SERVICE}")
        assert (await h.introspect(token, "rs-cranes"))["active"]


@pytest.mark.req("JAT-02")
@pytest.mark.parametrize("wanted", ["RS256", "EdDSA", "ES256", ""])
async def test_a_resource_chooses_its_algorithm(wanted: str) -> None:
    async with harbour(keys=KeySettings(algorithms=("ES256", "EdDSA", "RS256"))) as h:
        await h.deployment.key_lifecycles[ISSUER].ensure_all()
        h.issuer.keys.update(await h.store.list_keys(ISSUER))
        tides = msgspec.structs.replace(resource_servers()[0], access_token_signing_alg=wanted, version=2)
        assert await h.store.put_resource_server(tides)
        h.issuer.load_resource_servers(await h.store.list_resource_servers(ISSUER))
        token = (await h.tokens())["access_token"]
        assert (await read_jwt(h, token))[0]["alg"] == (wanted or "ES256")
        assert (await h.introspect(token))["active"]


async def test_a_key_that_is_not_ready_costs_no_code(h: Harbour) -> None:
    tides = msgspec.structs.replace(resource_servers()[0], access_token_signing_alg="EdDSA", version=2)
    assert await h.store.put_resource_server(tides)
    h.issuer.load_resource_servers(await h.store.list_resource_servers(ISSUER))
    code = await h.code()
    answer = await h.redeem(code)
    assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")
    assert answer.header("retry-after") == "2"
    h.issuer.load_resource_servers(resource_servers())
    assert (await h.redeem(code)).status == 200


@pytest.mark.req("JAT-04")
async def test_required_claims(h: Harbour) -> None:
    for grant, token in (await every_token(h)).items():
        claims = (await read_jwt(h, token))[1]
        for name, kind in REQUIRED.items():
            assert type(claims[name]) is kind, (grant, name)
            assert claims[name], (grant, name)
        assert claims["iss"] == ISSUER
        assert claims["iat"] == h.clock.now()
        assert claims["exp"] == h.clock.now() + 300
    identifiers = {(await read_jwt(h, token))[1]["jti"] for token in (await every_token(h)).values()}
    assert len(identifiers) == 3


@pytest.mark.req("JAT-05", "OA21-136")
async def test_subjects_of_users_and_clients_cannot_meet(h: Harbour) -> None:
    tokens = await every_token(h)
    claims = {grant: (await read_jwt(h, token))[1] for grant, token in tokens.items()}
    assert claims["authorization_code"]["sub"] == claims["refresh_token"]["sub"] == h.user.user_id
    assert claims["authorization_code"]["client_id"] == WEB
    assert claims["client_credentials"]["sub"] == f"client:{SERVICE}"
    # The identifiers that users get hold no colon.
    assert ":" not in h.user.user_id


@pytest.mark.req("JAT-06")
async def test_facts_of_the_sign_in_never_change(h: Harbour) -> None:
    tokens = await h.tokens()
    first = (await read_jwt(h, tokens["access_token"]))[1]
    assert first["auth_time"] == h.clock.now()
    assert first["amr"] == ["pwd"]
    for _ in range(3):
        h.clock.advance(3_600)
        tokens = (await h.refresh(tokens["refresh_token"])).json
        claims = (await read_jwt(h, tokens["access_token"]))[1]
        for name in ("auth_time", "acr", "amr", "sub", "client_id"):
            assert claims[name] == first[name]
        assert claims["iat"] == h.clock.now()


@pytest.mark.req("JAT-06")
async def test_client_credentials_have_no_sign_in(h: Harbour) -> None:
    claims = (await read_jwt(h, (await h.client_credentials()).json["access_token"]))[1]
    assert not claims.keys() & {"auth_time", "acr", "amr"}


@pytest.mark.req("JAT-07")
@pytest.mark.parametrize(("resource", "scope"), [(TIDES, "tides.read"), (CRANES, "cranes.read")])
async def test_scope_has_only_what_means_something_to_the_audience(h: Harbour, resource: str, scope: str) -> None:
    code = await h.code(resource=[TIDES, CRANES], scope="tides.read cranes.read")
    tokens = (await h.redeem(code, resource=resource)).json
    assert (await read_jwt(h, tokens["access_token"]))[1]["scope"] == scope


@pytest.mark.req("JAT-08", "JAT-16")
async def test_requested_resource_becomes_the_audience(h: Harbour) -> None:
    audiences = set()
    for resource, scope in ((TIDES, "tides.read"), (CRANES, "cranes.read")):
        tokens = (await h.redeem(await h.code(resource=resource, scope=scope))).json
        audience = (await read_jwt(h, tokens["access_token"]))[1]["aud"]
        assert audience == resource
        audiences.add(audience)
    assert len(audiences) == 2


@pytest.mark.req("JAT-09")
async def test_without_resource_there_is_a_default_audience(h: Harbour) -> None:
    # A scope that two APIs share: the issuer's default API it is.
    claims = (await read_jwt(h, (await h.tokens(scope="status"))["access_token"]))[1]
    assert claims["aud"] == TIDES


@pytest.mark.req("JAT-10")
@pytest.mark.parametrize(
    ("scope", "audience"), [("tides.read", TIDES), ("cranes.read", CRANES), ("status cranes.read", CRANES)]
)
async def test_default_audience_follows_the_scope(h: Harbour, scope: str, audience: str) -> None:
    assert (await read_jwt(h, (await h.tokens(scope=scope))["access_token"]))[1]["aud"] == audience
    answer = await h.client_credentials(scope=scope)
    assert (await read_jwt(h, answer.json["access_token"]))[1]["aud"] == audience


@pytest.mark.req("JAT-10")
async def test_scopes_of_different_defaults_are_refused(h: Harbour) -> None:
    mixed = "tides.read cranes.read"
    assert_error(await h.client_credentials(scope=mixed), "invalid_scope")
    assert (await h.code_answer(h.agent(), scope=mixed)).query["error"] == "invalid_scope"


@pytest.mark.req("JAT-11")
async def test_a_scope_that_two_audiences_share_is_never_ambiguous(h: Harbour) -> None:
    both = [TIDES, CRANES]
    assert_error(await h.client_credentials(scope="status", resource=both), "invalid_target")
    code = await h.code(scope="status", resource=both)
    assert_error(await h.redeem(code), "invalid_target")
    split = await h.redeem(code, resource=TIDES)
    assert (await read_jwt(h, split.json["access_token"]))[1]["aud"] == TIDES
    assert_error(await h.refresh(split.json["refresh_token"]), "invalid_target")
    other = await h.refresh(split.json["refresh_token"], resource=CRANES)
    assert (await read_jwt(h, other.json["access_token"]))[1]["aud"] == CRANES


@pytest.mark.req("JAT-15")
async def test_issuer_and_keys_are_published(h: Harbour) -> None:
    document = await metadata_of(h)
    token = (await h.tokens())["access_token"]
    header = json.loads(urlsafe_b64decode(token.partition(".")[0] + "=="))
    keys = (await h.agent().get(document["jwks_uri"])).json["keys"]
    assert header["kid"] in [key["kid"] for key in keys]
    assert (await read_jwt(h, token))[1]["iss"] == document["issuer"]
