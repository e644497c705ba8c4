"""RFC 8414: the metadata document, and the key set that it points to."""

import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from tests.support.asgi import Answer
from tests.support.harness import ISSUER, SERVICE, WEB, Harbour, basic, harbour
from tests.support.independent import assert_error, metadata_of
from tests.support.invented import JWT_METHOD

from grantd.server.catalogue import FEATURES
from grantd.server.settings import KeySettings

pytestmark = pytest.mark.anyio

PLACES = [
    (
        "https://as.example",
        ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"],
    ),
    (
        "https://as.example/t/blue",
        [
            "/.well-known/oauth-authorization-server/t/blue",
            "/t/blue/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration/t/blue",
            "/t/blue/.well-known/openid-configuration",
        ],
    ),
    (
        "https://as.example/t/",
        [
            "/.well-known/oauth-authorization-server/t",
            "/t/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration/t",
            "/t/.well-known/openid-configuration",
        ],
    ),
]
LISTS = ("token_endpoint", "introspection_endpoint", "revocation_endpoint")


@asynccontextmanager
async def without(*names: str) -> AsyncIterator[Harbour]:
    async with harbour(features=[feature for feature in FEATURES if feature.name not in names]) as h:
        yield h


@pytest.mark.req("ASM-01", "ASM-02", "ASM-03", "ASM-18")
@pytest.mark.parametrize(("identifier", "paths"), PLACES)
async def test_documents_are_found_in_every_form(identifier: str, paths: list[str]) -> None:
    async with harbour(identifiers=(identifier,)) as h:
        found: list[Answer] = [await h.agent().get(path) for path in paths]
        for answer in found:
            assert answer.status == 200
            assert answer.header("content-type") == "application/json"
            # Shared members are equal because both documents are one.
            assert answer.body == found[0].body
        document = found[0].json
        assert document["issuer"] == identifier
        assert document["token_endpoint"] == f"{identifier.rstrip('/')}/token"
        for elsewhere in ("/.well-known/oauth-authorization-server/", "/.well-known/oauth-authorization-server//t"):
            assert (await h.agent().get(elsewhere)).status == 404
        for method in ("POST", "PUT", "DELETE"):
            assert (await h.agent().request(method, paths[0])).status == 405


@pytest.mark.req("ASM-04")
async def test_there_are_no_empty_members(h: Harbour) -> None:
    full = await metadata_of(h)
    for name, value in full.items():
        assert value not in ([], "", None, {}), name
    for server in await h.store.list_resource_servers(ISSUER):
        assert await h.store.delete_resource_server(ISSUER, server.resource_server_id)
    h.issuer.load_resource_servers(await h.store.list_resource_servers(ISSUER))
    bare = await metadata_of(h)
    assert full.keys() - bare.keys() == {"scopes_supported"}


@pytest.mark.req("ASM-05")
async def test_required_members(h: Harbour) -> None:
    document = await metadata_of(h)
    assert document["issuer"] == ISSUER
    assert document["response_types_supported"] == ["code"]


@pytest.mark.req("ASM-06")
@pytest.mark.parametrize(
    ("names", "gone"),
    [
        ((), set()),
        (
            ("introspection", "jwt_introspection_response"),
            {
                "introspection_endpoint",
                "introspection_endpoint_auth_methods_supported",
                "introspection_signing_alg_values_supported",
                "introspection_encryption_alg_values_supported",
                "introspection_encryption_enc_values_supported",
            },
        ),
        (("revocation",), {"revocation_endpoint", "revocation_endpoint_auth_methods_supported"}),
    ],
)
async def test_endpoints_follow_the_features(names: tuple[str, ...], gone: set[str]) -> None:
    async with harbour() as h:
        full = await metadata_of(h)
    assert {"authorization_endpoint", "token_endpoint", "introspection_endpoint", "revocation_endpoint"} <= full.keys()
    async with without(*names) as h:
        document = await metadata_of(h)
        assert full.keys() - document.keys() == gone
        for name in ("introspection", "revocation"):
            status = (await h.agent().post(full[f"{name}_endpoint"], {"token": "x"}, basic(WEB))).status
            assert (status == 404) is (name in names)


@pytest.mark.req("ASM-07")
async def test_signing_algorithms_stand_beside_jwt_methods(h: Harbour) -> None:
    plain = await metadata_of(h)
    for name in LISTS:
        assert f"{name}_auth_signing_alg_values_supported" not in plain
    async with harbour(features=[*FEATURES, JWT_METHOD]) as with_method:
        document = await metadata_of(with_method)
        for name in LISTS:
            assert "private_key_jwt" in document[f"{name}_auth_methods_supported"]
            algorithms = document[f"{name}_auth_signing_alg_values_supported"]
            assert "RS256" in algorithms
            assert "none" not in algorithms


@pytest.mark.req("ASM-08", "JAT-15")
async def test_key_set_is_public_and_marked() -> None:
    async with harbour(keys=KeySettings(algorithms=("ES256", "EdDSA"))) as h:
        await h.deployment.key_lifecycles[ISSUER].ensure_all()
        h.issuer.keys.update(await h.store.list_keys(ISSUER))
        uri = (await metadata_of(h))["jwks_uri"]
        assert uri.startswith("https://")
        answer = await h.agent().get(uri)
        assert answer.header("content-type") in {"application/jwk-set+json", "application/json"}
        assert "max-age=300" in (answer.header("cache-control") or "")
        keys = answer.json["keys"]
        assert {key["alg"] for key in keys} == {"ES256", "EdDSA"}
        assert len({key["kid"] for key in keys}) == len(keys)
        for key in keys:
            assert key["use"] == "sig"
            assert not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.mark.req("ASM-09")
async def test_nothing_is_left_to_defaults(h: Harbour) -> None:
    document = await metadata_of(h)
    assert set(document["grant_types_supported"]) == {"authorization_code", "refresh_token", "client_credentials"}
    assert document["response_modes_supported"] == ["query"]
    for name in LISTS:
        assert {"client_secret_basic", "client_secret_post"} <= set(document[f"{name}_auth_methods_supported"])


@pytest.mark.req("ASM-13")
async def test_identifiers_are_compared_code_point_by_code_point(h: Harbour) -> None:
    """Composed and decomposed letters, letter case and blanks all make another client."""
    composed = unicodedata.normalize("NFC", "caf\u00e9-client")
    await h.put_client(composed, (await client_metadata(h)))
    form = {"grant_type": "client_credentials", "scope": "cranes.read"}
    secret = f"{composed}-secret-of-at-least-32-characters"
    assert (
        await h.agent().post(h.url("token"), {**form, "client_id": composed, "client_secret": secret})
    ).status == 200
    for other in (unicodedata.normalize("NFD", composed), composed.upper(), f"{composed} "):
        answer = await h.agent().post(h.url("token"), {**form, "client_id": other, "client_secret": secret})
        assert_error(answer, "invalid_client")


async def client_metadata(h: Harbour) -> Any:
    client = await h.store.find_client(ISSUER, SERVICE)
    assert client is not None
    return client.metadata


@pytest.mark.req("ASM-17")
@pytest.mark.parametrize("name", ["metadata", "jwks"])
async def test_any_origin_may_read(h: Harbour, name: str) -> None:
    for headers in ({}, {"origin": "https://anyone.example"}):
        answer = await h.agent().get(h.url(name), headers)
        assert answer.header("access-control-allow-origin") == "*"
    preflight = await h.agent().request(
        "OPTIONS",
        h.url(name),
        headers={"origin": "https://anyone.example", "access-control-request-method": "GET"},
    )
    assert preflight.header("access-control-allow-origin") == "*"


@pytest.mark.req("ASM-19")
async def test_extra_members_are_valid_json_beside_the_known_ones() -> None:
    async with harbour(service_documentation="https://as.example/docs", op_tos_uri="https://as.example/tos") as h:
        document = await metadata_of(h)
        assert document["service_documentation"] == "https://as.example/docs"
        assert document["op_tos_uri"] == "https://as.example/tos"
        assert document["prompt_values_supported"]


@pytest.mark.req("ASM-20")
@pytest.mark.parametrize("path", ["oauth-authorization-server", "openid-configuration"])
async def test_request_objects_are_said_to_be_off(h: Harbour, path: str) -> None:
    document = (await h.agent().get(f"/.well-known/{path}")).json
    # Leaving it out would mean true.
    assert document["request_uri_parameter_supported"] is False
    assert document.get("request_parameter_supported", False) is False


@pytest.mark.req("ASM-06", "ASM-04")
async def test_scopes_follow_the_resources(h: Harbour) -> None:
    server = (await h.store.list_resource_servers(ISSUER))[0]
    changed = msgspec.structs.replace(server, scopes={"new.scope": "x"}, version=server.version + 1)
    assert await h.store.put_resource_server(changed)
    h.issuer.load_resource_servers(await h.store.list_resource_servers(ISSUER))
    assert "new.scope" in (await metadata_of(h))["scopes_supported"]


@pytest.mark.req("ASM-03")
@pytest.mark.parametrize("name", ["metadata", "jwks"])
async def test_documents_answer_head_and_if_none_match(h: Harbour, name: str) -> None:
    full = await h.agent().get(h.url(name))
    head = await h.agent().request("HEAD", h.url(name))
    assert (head.status, head.body) == (200, b"")
    tag = full.header("etag")
    assert tag is not None
    again = await h.agent().get(h.url(name), {"if-none-match": tag})
    assert (again.status, again.body) == (304, b"")
