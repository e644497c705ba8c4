"""The metadata against behaviour, in both directions: what is advertised works, and what works is advertised."""

from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, RSAKey
from tests.support.asgi import Answer
from tests.support.harness import (
    ISSUER,
    RESOURCE_SERVER,
    WEB,
    WEB_REDIRECT,
    Harbour,
    basic,
    harbour,
    resource_servers,
    secret_of,
)
from tests.support.independent import metadata_of, read_jwt

from grantd.server.catalogue import FEATURES
from grantd.server.extension.points import Endpoint
from grantd.server.settings import KeySettings
from grantd.storage.records import ClientMetadata

pytestmark = pytest.mark.anyio

# What the registries of the Internet Assigned Numbers Authority know beside what this server may offer.
GRANT_TYPES = {
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "password",
    "implicit",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:openid:params:grant-type:ciba",
}
AUTH_METHODS = {
    "none",
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
}
RESPONSE_MODES = {"query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt", "web_message"}
RESPONSE_TYPES = {"code", "token", "id_token", "code token", "code id_token", "none"}
CHALLENGE_METHODS = {"S256", "plain", "S512"}
PROMPTS = {"none", "login", "consent", "select_account", "create"}

# Endpoints for people, which metadata has no member for.
PAGES = {"interaction", "sign_out"}

REMOVABLE: list[tuple[str, ...]] = [
    (),
    ("refresh_token",),
    ("client_credentials",),
    ("introspection", "jwt_introspection_response"),
    ("jwt_introspection_response",),
    ("revocation",),
    ("opaque_access_token",),
    ("public_client",),
    ("sign_out",),
    ("prompt",),
]

truths = pytest.mark.parametrize("removed", REMOVABLE, ids="+".join)


def without(removed: tuple[str, ...]) -> Any:
    keys = KeySettings(algorithms=("ES256", "EdDSA"))
    return harbour(features=[feature for feature in FEATURES if feature.name not in removed], keys=keys)


async def register(h: Harbour, method: str, **members: Any) -> str:
    client_id = f"client-of-{method}"
    await h.put_client(
        client_id,
        ClientMetadata(
            redirect_uris=(WEB_REDIRECT,),
            grant_types=("authorization_code", "refresh_token"),
            token_endpoint_auth_method=method,
            **members,
        ),
    )
    return client_id


def authenticate(method: str, client_id: str) -> tuple[dict[str, str], dict[str, str]]:
    """The headers and body parameters of a method; those of methods that are not offered are as good as can be."""
    if method == "client_secret_basic":
        return basic(client_id), {}
    if method == "client_secret_post":
        return {}, {"client_id": client_id, "client_secret": secret_of(client_id)}
    if method.endswith("_jwt"):
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        return {}, {"client_id": client_id, "client_assertion": "e30.e30.", "client_assertion_type": kind}
    return {}, {"client_id": client_id}


@truths
async def test_grant_types(removed: tuple[str, ...]) -> None:
    async with without(removed) as h:
        everything = ClientMetadata(redirect_uris=(WEB_REDIRECT,), grant_types=tuple(GRANT_TYPES))
        await h.put_client("everything", everything)
        code = await h.code(client_id="everything", redirect_uri=WEB_REDIRECT)
        redeemed = await h.redeem(code, "everything")
        works = set()
        evidence = {"scope": "tides.read", "refresh_token": redeemed.json.get("refresh_token", "x"), "code": "x"}
        for grant in GRANT_TYPES:
            answer = redeemed
            if grant != "authorization_code":
                answer = await h.token("everything", **{**evidence, "grant_type": grant})
            if answer.status == 200:
                works.add(grant)
            else:
                assert answer.json["error"] == "unsupported_grant_type", grant
        assert works == set((await metadata_of(h))["grant_types_supported"])
        # A refresh token that nobody could use is not handed out.
        assert ("refresh_token" in redeemed.json) is ("refresh_token" in works)


@truths
async def test_authentication_methods(removed: tuple[str, ...]) -> None:
    async with without(removed) as h:
        document = await metadata_of(h)
        for endpoint in ("token", "revocation", "introspection"):
            member = f"{endpoint}_endpoint_auth_methods_supported"
            assert (member in document) is (f"{endpoint}_endpoint" in document)
            if member not in document:
                continue
            works = set()
            for method in AUTH_METHODS:
                client_id = await register(h, method)
                headers, form = authenticate(method, client_id)
                form |= {"grant_type": "authorization_code", "code": "x", "token": "x"}
                answer = await h.agent().post(document[f"{endpoint}_endpoint"], form, headers)
                refused = answer.status != 200 and answer.json["error"] == "invalid_client"
                if not refused:
                    works.add(method)
            assert works == set(document[member]), endpoint


@truths
async def test_resource_servers_authenticate_as_advertised(removed: tuple[str, ...]) -> None:
    async with without(removed) as h:
        document = await metadata_of(h)
        for method in document.get("introspection_endpoint_auth_methods_supported", ()):
            headers, form = authenticate(method, RESOURCE_SERVER)
            answer = await h.agent().post(document["introspection_endpoint"], {"token": "x", **form}, headers)
            assert (answer.status, answer.json) == (200, {"active": False})


async def probe(h: Harbour, offered: set[str], **parameters: Any) -> tuple[set[str], dict[str, Answer]]:
    """Send an authorization request for each value of the one parameter that is a callable; say which gave a code."""
    name, make = next((name, value) for name, value in parameters.items() if callable(value))
    answers = {}
    for value in offered:
        answers[value] = await h.code_answer(h.agent(), WEB, **{**parameters, name: make(value)})
    works = {value for value, answer in answers.items() if answer.status == 303 and "code" in answer.query}
    return works, answers


def same(value: str) -> str:
    return value


@truths
async def test_response_types_and_modes(removed: tuple[str, ...]) -> None:
    async with without(removed) as h:
        document = await metadata_of(h)
        works, answers = await probe(h, RESPONSE_TYPES, response_type=same)
        assert works == set(document["response_types_supported"])
        assert all(answer.status == 303 for answer in answers.values())
        works, _ = await probe(h, RESPONSE_MODES, response_mode=same)
        assert works == set(document["response_modes_supported"])
        iss = document["authorization_response_iss_parameter_supported"]
        assert all(("iss" in answer.query) is iss for answer in answers.values())


@truths
async def test_challenge_methods(removed: tuple[str, ...]) -> None:
    async with without(removed) as h:
        works, _ = await probe(h, CHALLENGE_METHODS, code_challenge_method=same)
        assert works == set((await metadata_of(h))["code_challenge_methods_supported"])


@truths
async def test_prompts(removed: tuple[str, ...]) -> None:
    async with without(removed) as h:
        document = await metadata_of(h)
        effective = set()
        for value in PROMPTS:
            answer = await h.authorize(h.agent(), prompt=value)
            signed_in = h.agent()
            await h.code(signed_in)
            again = await h.authorize(signed_in, prompt=value)
            # An effect: an error without a page, or a page although there is a session and a remembered decision.
            if (
                "error" in answer.query and answer.query["error"] == "login_required"
            ) or "/interaction?" in again.location:
                effective.add(value)
        assert effective == set(document.get("prompt_values_supported", ()))


@truths
async def test_scopes(removed: tuple[str, ...]) -> None:
    async with without(removed) as h:
        await h.change_client(WEB, first_party=True)
        offered = {*(await metadata_of(h))["scopes_supported"], "openid", "offline_access", "nonsense"}
        works, _ = await probe(h, offered, scope=same)
        assert works == set((await metadata_of(h))["scopes_supported"])


@truths
async def test_endpoints(removed: tuple[str, ...]) -> None:
    async with without(removed) as h:
        document = await metadata_of(h)
        advertised = {name: url for name, url in document.items() if name.endswith(("_endpoint", "_uri"))}
        for name, url in advertised.items():
            for method in ("GET", "POST"):
                answer = await h.agent().request(method, url)
                assert answer.status != 404, (name, method)
                assert answer.status < 500, (name, method)
        # What answers is advertised, but for the pages.
        paths = set(h.server.application._hosts[urlsplit(ISSUER).netloc.encode()])
        known = {urlsplit(url).path for url in advertised.values()}
        pages = {endpoint.path for endpoint in h.issuer.registry.of(Endpoint) if endpoint.name in PAGES}
        unexplained = {path for path in paths - known - pages if not path.startswith(("/.well-known/", "/static/"))}
        assert unexplained == set()


ENCRYPTION_KEYS: dict[str, ECKey | RSAKey] = {
    "ECDH-ES": ECKey.generate_key("P-256"),
    "ECDH-ES+A256KW": ECKey.generate_key("P-384"),
    "RSA-OAEP-256": RSAKey.generate_key(2048),
}


async def signed_answer(h: Harbour, **members: Any) -> Answer:
    server = (await h.store.list_resource_servers(ISSUER))[1]
    changed = msgspec.structs.replace(resource_servers()[0], version=server.version + 1, **members)
    assert await h.store.put_resource_server(changed)
    h.issuer.load_resource_servers(await h.store.list_resource_servers(ISSUER))
    headers = {**basic(RESOURCE_SERVER), "accept": "application/token-introspection+jwt"}
    return await h.agent().post(h.url("introspection"), {"token": "x"}, headers)


@truths
async def test_signed_introspection(removed: tuple[str, ...]) -> None:
    async with without(removed) as h:
        await h.deployment.key_lifecycles[ISSUER].ensure_all()
        h.issuer.keys.update(await h.store.list_keys(ISSUER))
        document = await metadata_of(h)
        signing = document.get("introspection_signing_alg_values_supported", ())
        if not signing:
            if "introspection_endpoint" in document:
                assert (await signed_answer(h)).header("content-type") == "application/json"
            return
        used = set()
        for alg in ("ES256", "EdDSA", "RS256", "PS256", "none", "HS256"):
            answer = await signed_answer(h, introspection_signed_response_alg=alg)
            chosen = (await read_jwt(h, answer.text))[0]["alg"]
            if chosen == alg:
                used.add(alg)
        assert used == set(signing)
        for alg in document["introspection_encryption_alg_values_supported"]:
            key = ENCRYPTION_KEYS[alg]
            for enc in document["introspection_encryption_enc_values_supported"]:
                answer = await signed_answer(
                    h,
                    introspection_encrypted_response_alg=alg,
                    introspection_encrypted_response_enc=enc,
                    jwks={"keys": [key.as_dict(private=False)]},
                )
                assert answer.status == 200, (alg, enc)
                assert jwe.decrypt_compact(answer.text, key, algorithms=[alg, enc]).headers()["enc"] == enc


async def test_keys_of_the_document_are_all_accounted_for() -> None:
    """A new member needs a test here: this fails until it has one."""
    async with without(()) as h:
        tested = {
            "issuer",
            "authorization_endpoint",
            "token_endpoint",
            "introspection_endpoint",
            "revocation_endpoint",
            "jwks_uri",
            "scopes_supported",
            "response_types_supported",
            "response_modes_supported",
            "grant_types_supported",
            "token_endpoint_auth_methods_supported",
            "introspection_endpoint_auth_methods_supported",
            "revocation_endpoint_auth_methods_supported",
            "prompt_values_supported",
            "code_challenge_methods_supported",
            "authorization_response_iss_parameter_supported",
            "introspection_signing_alg_values_supported",
            "introspection_encryption_alg_values_supported",
            "introspection_encryption_enc_values_supported",
            # Nothing reads request_uri: the conformance tests of RFC 8414 and JAR see to it.
            "request_uri_parameter_supported",
        }
        assert (await metadata_of(h)).keys() == tested
