"""OAuth 2.1 section 4.2: a client acts for itself."""

import msgspec
import pytest
from tests.support.harness import CLI, CRANES, ISSUER, SERVICE, TIDES, WEB, Harbour
from tests.support.independent import assert_error, read_jwt

from grantd.storage.records import ClientMetadata

pytestmark = pytest.mark.anyio


@pytest.mark.req("OA21-098")
@pytest.mark.parametrize("application_type", ["web", "native"])
async def test_public_client_is_unauthorized(h: Harbour, application_type: str) -> None:
    grants = ("authorization_code", "client_credentials")
    await h.change_client(CLI, grant_types=grants, application_type=application_type)
    assert_error(await h.client_credentials(CLI, scope="tides.read"), "unauthorized_client")


@pytest.mark.req("OA21-098")
@pytest.mark.parametrize("form", [{"client_secret": None}, {"client_secret": ""}, {"client_secret": "wrong"}])
async def test_confidential_client_has_to_authenticate(h: Harbour, form: dict[str, str | None]) -> None:
    assert_error(await h.client_credentials(**form), "invalid_client")


@pytest.mark.req("OA21-098")
async def test_confidential_client_gets_a_token_for_itself(h: Harbour) -> None:
    for client_id, method in ((SERVICE, "client_secret_post"), ("crane-agent-2", "client_secret_basic")):
        metadata = ClientMetadata(
            grant_types=("client_credentials",), response_types=(), token_endpoint_auth_method=method
        )
        if client_id != SERVICE:
            await h.put_client(client_id, metadata)
        answer = await h.client_credentials(client_id)
        assert answer.status == 200
        assert "refresh_token" not in answer.json
        claims = (await read_jwt(h, answer.json["access_token"]))[1]
        assert (claims["client_id"], claims["sub"]) == (client_id, f"client:{client_id}")


@pytest.mark.req("OA21-098")
async def test_secret_of_a_disabled_client_is_worth_nothing(h: Harbour) -> None:
    assert (await h.client_credentials()).status == 200
    client = await h.store.find_client(ISSUER, SERVICE)
    assert client is not None
    assert await h.store.put_client(msgspec.structs.replace(client, status="disabled", version=client.version + 1))
    # Neither the cached record nor the standing grant helps.
    assert_error(await h.client_credentials(), "invalid_client")


@pytest.mark.req("OA21-103", "RI-09")
async def test_scope_and_resource_are_those_of_the_registration(h: Harbour) -> None:
    await h.change_client(SERVICE, scope="cranes.read")
    assert_error(await h.client_credentials(scope="cranes.lift"), "invalid_scope")
    assert_error(await h.client_credentials(scope="cranes.read", resource=TIDES), "invalid_target")
    assert (await h.client_credentials(resource=CRANES)).status == 200


@pytest.mark.req("REV-06")
async def test_ending_the_standing_grant_ends_its_tokens_and_the_next_request_starts_another(h: Harbour) -> None:
    first = (await h.client_credentials()).json["access_token"]
    await h.issuer.cascade.end("client", SERVICE, reason="test")
    assert not (await h.introspect(first, "rs-cranes"))["active"]
    second = (await h.client_credentials()).json["access_token"]
    assert (await h.introspect(second, "rs-cranes"))["active"]
    assert not (await h.introspect(first, "rs-cranes"))["active"]


@pytest.mark.req("OA21-098")
async def test_a_client_without_the_grant_is_not_served(h: Harbour) -> None:
    assert_error(await h.client_credentials(WEB, scope="tides.read"), "unauthorized_client")
