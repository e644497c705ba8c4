"""OAuth 2.1 section 3.2: the token endpoint itself, whatever the grant."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.support.asgi import Answer
from tests.support.harness import (
    CLI,
    CRANES,
    ISSUER,
    SERVICE,
    SPA,
    TIDES,
    VERIFIER,
    WEB,
    WEB_REDIRECT,
    Harbour,
    basic,
    harbour,
    pairs,
    secret_of,
)
from tests.support.independent import assert_error, metadata_of

from grantd.server.clients.authentication import hash_secret
from grantd.server.settings import IssuerSettings, SecretSettings, Settings
from grantd.server.settings.check import check_settings
from grantd.storage.records import ClientMetadata, SecretHash

pytestmark = pytest.mark.anyio

SERVICE_FORM = {"grant_type": "client_credentials", "client_id": SERVICE, "client_secret": secret_of(SERVICE)}
# OAuth 2.1 section 3.2.4: %x20-21 / %x23-5B / %x5D-7E.
DESCRIPTION = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*\Z")


async def answers_of_all_grants(h: Harbour) -> dict[str, Answer]:
    code = await h.redeem(await h.code())
    refresh = await h.refresh(code.json["refresh_token"])
    return {"authorization_code": code, "refresh_token": refresh, "client_credentials": await h.client_credentials()}


@pytest.mark.req("OA21-072")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_token_endpoint_takes_post_only(h: Harbour, method: str) -> None:
    form = urlencode({**SERVICE_FORM, "scope": "cranes.read"})
    target = f"{h.url('token')}?{form}"
    answer = await h.agent().request(method, target, body=b"" if method in {"GET", "HEAD"} else form.encode())
    assert answer.status == 405
    assert set((answer.header("allow") or "").split(", ")) == {"OPTIONS", "POST"}
    assert "access_token" not in answer.text


@pytest.mark.req("OA21-073")
async def test_token_endpoint_url_has_no_fragment(h: Harbour) -> None:
    assert "#" not in (await metadata_of(h))["token_endpoint"]
    settings = Settings(
        issuers=(IssuerSettings(issuer=f"{ISSUER}#x"),),
        secrets=SecretSettings(sealing_key="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
    )
    assert [finding.keys[0] for finding in check_settings(settings)] == ["issuers[0].issuer"]


@pytest.mark.req("OA21-074")
async def test_unknown_parameters_are_ignored(h: Harbour) -> None:
    answer = await h.client_credentials(foo="1", Scope="tides.write", grantType="none")
    assert answer.status == 200
    assert answer.json["scope"] == "cranes.read"


@pytest.mark.req("OA21-074")
@pytest.mark.parametrize("name", ["code", "grant_type", "code_verifier", "redirect_uri", "client_id", "scope", "foo"])
async def test_repeated_parameters_are_refused(h: Harbour, name: str) -> None:
    code = await h.code(client_id=CLI)
    form: dict[str, Any] = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": VERIFIER,
        "client_id": CLI,
        "scope": "tides.read",
        "redirect_uri": "http://127.0.0.1/callback",
        "foo": "1",
    }
    repeated = await h.agent().post(h.url("token"), pairs({**form, name: [form[name], form[name]]}))
    assert_error(repeated, "invalid_request")
    # The refusal consumed nothing.
    assert (await h.agent().post(h.url("token"), pairs(form))).status == 200


@pytest.mark.req("OA21-074")
async def test_empty_parameters_count_as_absent(h: Harbour) -> None:
    code = await h.code()
    assert_error(await h.redeem(""), "invalid_request")
    first = await h.redeem(code, redirect_uri="", scope="", resource="", client_secret="", client_assertion="")
    assert first.status == 200
    refreshed = await h.refresh(first.json["refresh_token"], scope="", resource="")
    assert refreshed.status == 200
    assert refreshed.json["scope"] == "tides.read"


@pytest.mark.req("OA21-075")
async def test_cors_for_registered_origins_only(h: Harbour) -> None:
    form = pairs({**SERVICE_FORM, "scope": "cranes.read"})
    registered = await h.agent().post(h.url("token"), form, {"origin": "https://deck.example"})
    assert registered.all("access-control-allow-origin") == ["https://deck.example"]
    assert registered.header("access-control-allow-credentials") is None
    assert "DPoP-Nonce" in (registered.header("access-control-expose-headers") or "")
    refused = await h.agent().post(h.url("token"), {"grant_type": "x"}, {"origin": "https://deck.example"})
    assert refused.all("access-control-allow-origin") == ["https://deck.example"]
    for origin in ("https://evil.example", "null", "http://deck.example", "https://deck.example.evil.example"):
        other = await h.agent().post(h.url("token"), form, {"origin": origin})
        assert other.header("access-control-allow-origin") is None, origin


@pytest.mark.req("OA21-075")
@pytest.mark.parametrize(("origin", "allowed"), [("https://deck.example", True), ("https://evil.example", False)])
async def test_preflight_of_the_token_endpoint(h: Harbour, origin: str, *, allowed: bool) -> None:
    answer = await h.agent().request(
        "OPTIONS", h.url("token"), headers={"origin": origin, "access-control-request-method": "POST"}
    )
    assert answer.header("access-control-allow-origin") == (origin if allowed else None)


@pytest.mark.req("OA21-076", "OA21-077", "OA21-079", "OA21-087")
async def test_success_is_json_that_nobody_stores(h: Harbour) -> None:
    for grant, answer in (await answers_of_all_grants(h)).items():
        assert answer.status == 200, grant
        assert answer.header("content-type") == "application/json"
        assert answer.header("cache-control") == "no-store"
        members = answer.json
        assert isinstance(members["access_token"], str)
        assert members["access_token"]
        assert members["token_type"] == "Bearer"
        assert type(members["expires_in"]) is int
        assert members["expires_in"] == 300
        assert None not in members.values()
        assert ("refresh_token" in members) is (grant != "client_credentials")


@pytest.mark.req("OA21-078")
async def test_scope_is_told_when_the_person_reduced_it(h: Harbour) -> None:
    agent = h.agent()
    asked = await h.authorize(agent, scope="tides.read tides.write")
    consent = await h.sign_in(agent, asked)
    decided = await h.decide(agent, consent, refuse=["tides.write"])
    assert (await h.redeem(decided.query["code"])).json["scope"] == "tides.read"


@pytest.mark.req("OA21-078")
async def test_scope_is_told_when_a_refresh_narrows_it(h: Harbour) -> None:
    tokens = await h.tokens(scope="tides.read tides.write")
    assert set(tokens["scope"].split()) == {"tides.read", "tides.write"}
    assert (await h.refresh(tokens["refresh_token"], scope="tides.write")).json["scope"] == "tides.write"


@pytest.mark.req("OA21-080")
async def test_refresh_for_another_resource_is_refused(h: Harbour) -> None:
    tokens = await h.tokens(resource=TIDES, scope="tides.read status")
    assert_error(await h.refresh(tokens["refresh_token"], resource=CRANES), "invalid_target")
    assert_error(await h.refresh(tokens["refresh_token"], scope="cranes.read"), "invalid_scope")
    assert (await h.refresh(tokens["refresh_token"], resource=TIDES)).status == 200


@pytest.mark.req("OA21-081")
@pytest.mark.parametrize("policy", [{"refresh_tokens": False}, {"grant_types": ("authorization_code",)}])
async def test_policy_decides_whether_there_is_a_refresh_token(h: Harbour, policy: dict[str, Any]) -> None:
    assert "refresh_token" in await h.tokens()
    await h.change_client(WEB, **policy)
    assert "refresh_token" not in await h.tokens()


@pytest.mark.req("OA21-084")
@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"scope": ["a", "b"]}, "invalid_request"),
        ({"grant_type": None}, "invalid_request"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_secret": None}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"grant_type": "authorization_code", "code": "x"}, "unauthorized_client"),
        ({"grant_type": "password", "username": "ana", "password": "x"}, "unsupported_grant_type"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"scope": "unknown.scope"}, "invalid_scope"),
        ({"scope": "cranes.read  cranes.lift"}, "invalid_scope"),
    ],
)
async def test_errors_are_json_with_status_400(h: Harbour, form: dict[str, Any], code: str) -> None:
    answer = await h.agent().post(h.url("token"), pairs({**SERVICE_FORM, "scope": "cranes.read", **form}))
    assert_error(answer, code)
    assert answer.header("www-authenticate") is None


@pytest.mark.req("OA21-084")
@pytest.mark.parametrize("form", [{"code": "x"}, {"grant_type": "refresh_token", "refresh_token": "x"}])
async def test_bad_grants_are_invalid_grant(h: Harbour, form: dict[str, str]) -> None:
    answer = await h.token(WEB, **{"grant_type": "authorization_code", "code_verifier": VERIFIER, **form})
    assert_error(answer, "invalid_grant")


@pytest.mark.req("OA21-085")
@pytest.mark.parametrize(
    "authorization",
    [
        basic(WEB, "wrong")["authorization"],
        basic("nobody", "wrong")["authorization"],
        basic(SERVICE)["authorization"],
        basic(CLI, "made-up")["authorization"],
        "Basic !!!",
        "Basic",
        "Bearer abc",
        "Negotiate abc",
    ],
)
async def test_failed_header_authentication_is_401(h: Harbour, authorization: str) -> None:
    form = {"grant_type": "authorization_code", "code": await h.code(), "code_verifier": VERIFIER}
    answer = await h.agent().post(h.url("token"), form, {"authorization": authorization})
    assert_error(answer, "invalid_client", 401)
    assert (answer.header("www-authenticate") or "").startswith(f'Basic realm="{ISSUER}"')


@pytest.mark.req("OA21-086")
@pytest.mark.parametrize("hostile", ['"><script>\\', 'a"b', "a\\b", "ü€\U0001f980", "x" * 4_000])
@pytest.mark.parametrize("name", ["scope", "resource", "client_id", "code", "refresh_token", "grant_type", "NAME"])
async def test_descriptions_keep_their_character_set(h: Harbour, name: str, hostile: str) -> None:
    for grant in ("client_credentials", "authorization_code", "refresh_token"):
        form: dict[str, Any] = {"grant_type": grant, "code": "x", "refresh_token": "x", "code_verifier": VERIFIER}
        form |= {hostile: ["1", "2"]} if name == "NAME" else {name: hostile}
        headers = {} if name == "client_id" else basic(WEB)
        answer = await h.agent().post(h.url("token"), pairs(form), headers)
        assert answer.status in {400, 401}, answer.text
        assert DESCRIPTION.match(answer.json["error"])
        assert DESCRIPTION.match(answer.json["error_description"]), answer.text


@pytest.mark.req("OA21-088")
async def test_credentials_of_the_published_vector(h: Harbour) -> None:
    secret = SecretHash(sha256=hash_secret("p+4 ß%"), created_at=0)
    metadata = ClientMetadata(grant_types=("client_credentials",), response_types=())
    await h.put_client("fleet:web/7", metadata, secrets=(secret,))
    header = {"authorization": "Basic ZmxlZXQlM0F3ZWIlMkY3OnAlMkI0KyVDMyU5RiUyNQ=="}
    form = b"grant_type=client_credentials&scope=cranes.read+cranes.lift"
    answer = await h.agent().post(h.url("token"), form, header)
    assert answer.status == 200, answer.text
    assert answer.json["scope"] == "cranes.read cranes.lift"


@pytest.mark.req("OA21-088")
@pytest.mark.parametrize(
    ("secret", "status"),
    [(b"p%2B4+%C3%9F%25", 200), (b"p%2b4%20%c3%9f%25", 200), (b"p+4+%C3%9F%25", 400), (b"p%2B4+%DF%25", 400)],
)
async def test_form_bodies_are_utf_8_with_plus_as_space(h: Harbour, secret: bytes, status: int) -> None:
    kept = SecretHash(sha256=hash_secret("p+4 ß%"), created_at=0)
    metadata = ClientMetadata(
        grant_types=("client_credentials",), response_types=(), token_endpoint_auth_method="client_secret_post"
    )
    await h.put_client("fleet:web/7", metadata, secrets=(kept,))
    form = b"grant_type=client_credentials&scope=cranes.read&client_id=fleet%3Aweb%2F7&client_secret=" + secret
    assert (await h.agent().post(h.url("token"), form)).status == status


@pytest.mark.req("OA21-109")
@pytest.mark.parametrize("grant", ["password", "urn:ietf:params:oauth:grant-type:device_code", "CLIENT_CREDENTIALS"])
async def test_unknown_grants_are_unsupported(h: Harbour, grant: str) -> None:
    assert_error(await h.token(WEB, grant_type=grant), "unsupported_grant_type")


@pytest.mark.req("OA21-109")
@pytest.mark.parametrize(
    ("client_id", "grant"),
    [
        (WEB, "client_credentials"),
        (SERVICE, "authorization_code"),
        (SERVICE, "refresh_token"),
        (SPA, "client_credentials"),
    ],
)
async def test_grants_outside_the_registration_are_unauthorized(h: Harbour, client_id: str, grant: str) -> None:
    form = {"grant_type": grant, "code": "x", "refresh_token": "x", "code_verifier": VERIFIER, "scope": "cranes.read"}
    assert_error(await h.token(client_id, **form), "unauthorized_client")


@pytest.mark.req("OA21-109")
async def test_a_registration_that_loses_a_grant_loses_it_at_once(h: Harbour) -> None:
    tokens = await h.tokens()
    await h.change_client(WEB, grant_types=("authorization_code",))
    assert_error(await h.refresh(tokens["refresh_token"]), "unauthorized_client")


@pytest.mark.req("OA21-075")
async def test_cors_follows_the_issuer(h: Harbour) -> None:
    """An origin that is registered at one issuer means nothing at another."""
    other = "https://other.example"
    async with harbour(identifiers=(ISSUER, other)) as both:
        await both.store.delete_client(other, SPA)
        await both.store.delete_client(other, WEB)
        agent = both.agent(identifier=other)
        answer = await agent.post("/token", {"grant_type": "x"}, {"origin": "https://deck.example"})
        assert answer.header("access-control-allow-origin") is None


@pytest.mark.req("OA21-096")
async def test_redirect_uri_of_the_request_is_accepted(h: Harbour) -> None:
    assert (await h.redeem(await h.code(), redirect_uri=WEB_REDIRECT)).status == 200
