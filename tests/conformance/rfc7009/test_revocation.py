"""RFC 7009: clients give tokens back."""

import msgspec
import pytest
from tests.support.harness import (
    CLI,
    ISSUER,
    RESOURCE_SERVER,
    SERVICE,
    WEB,
    Harbour,
    basic,
    harbour,
    resource_servers,
    secret_of,
)
from tests.support.independent import assert_error
from tests.support.invented import ETERNAL, ETERNAL_TOKENS

from grantd.server.catalogue import FEATURES

pytestmark = pytest.mark.anyio


async def active(h: Harbour, token: str) -> bool:
    return bool((await h.introspect(token))["active"])


@pytest.mark.req("REV-01", "REV-06")
@pytest.mark.parametrize("client_id", [WEB, CLI])
async def test_access_token_ends_at_once(h: Harbour, client_id: str) -> None:
    tokens = await h.tokens(client_id)
    assert await active(h, tokens["access_token"])
    answer = await h.revoke(tokens["access_token"], client_id)
    assert (answer.status, answer.body) == (200, b"")
    assert not await active(h, tokens["access_token"])
    # Doing it twice is no error.
    assert (await h.revoke(tokens["access_token"], client_id)).status == 200


@pytest.mark.req("REV-01")
async def test_opaque_access_token_ends_too(h: Harbour) -> None:
    opaque = msgspec.structs.replace(resource_servers()[0], token_format="opaque", version=2)
    assert await h.store.put_resource_server(opaque)
    h.issuer.load_resource_servers(await h.store.list_resource_servers(ISSUER))
    tokens = await h.tokens()
    assert await active(h, tokens["access_token"])
    assert (await h.revoke(tokens["access_token"])).status == 200
    assert not await active(h, tokens["access_token"])


@pytest.mark.req("REV-01", "REV-06", "REV-07")
@pytest.mark.parametrize("client_id", [WEB, CLI])
async def test_refresh_token_takes_its_grant_along(h: Harbour, client_id: str) -> None:
    tokens = await h.tokens(client_id)
    second = (await h.refresh(tokens["refresh_token"], client_id)).json
    other = await h.tokens(client_id)
    assert (await h.revoke(second["refresh_token"], client_id)).status == 200
    assert not await active(h, tokens["access_token"])
    assert not await active(h, second["access_token"])
    assert_error(await h.refresh(second["refresh_token"], client_id), "invalid_grant")
    # The same person's other grant to the same client lives.
    assert await active(h, other["access_token"])


@pytest.mark.req("REV-07")
async def test_rotated_refresh_token_still_ends_its_grant(h: Harbour) -> None:
    tokens = await h.tokens()
    second = (await h.refresh(tokens["refresh_token"])).json
    assert (await h.revoke(tokens["refresh_token"])).status == 200
    assert not await active(h, second["access_token"])
    assert_error(await h.refresh(second["refresh_token"]), "invalid_grant")


@pytest.mark.req("REV-02")
@pytest.mark.parametrize(
    ("headers", "form", "status"),
    [
        ({}, {}, 400),
        ({}, {"client_id": WEB}, 400),
        ({}, {"client_id": WEB, "client_secret": "wrong"}, 400),
        ({}, {"client_id": WEB, "client_secret": secret_of(WEB)}, 400),
        ({}, {"client_id": "nobody"}, 400),
        (basic(WEB, "wrong"), {}, 401),
        (basic(CLI, "made-up"), {}, 401),
    ],
)
async def test_confidential_clients_authenticate_as_registered(
    h: Harbour, headers: dict[str, str], form: dict[str, str], status: int
) -> None:
    token = (await h.tokens())["access_token"]
    answer = await h.agent().post(h.url("revocation"), {"token": token, **form}, headers)
    assert_error(answer, "invalid_client", status)
    assert (answer.header("www-authenticate") is not None) is (status == 401)
    assert await active(h, token)


@pytest.mark.req("REV-03")
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize(("owner", "thief"), [(WEB, CLI), (CLI, WEB), (WEB, SERVICE)])
async def test_token_of_another_client_stays(h: Harbour, owner: str, thief: str, kind: str) -> None:
    tokens = await h.tokens(owner)
    await h.change_client(SERVICE, token_endpoint_auth_method="client_secret_basic")
    assert_error(await h.revoke(tokens[kind], thief), "invalid_request")
    assert await active(h, tokens["access_token"])
    assert (await h.refresh(tokens["refresh_token"], owner)).status == 200


@pytest.mark.req("REV-04")
@pytest.mark.parametrize("token", ["x", "2YotnFZFEjr1zCsicMWpAA", "a.b.c", "gat_x", "A" * 59, "é", "x" * 8_000])
async def test_unknown_tokens_are_success(h: Harbour, token: str) -> None:
    answer = await h.revoke(token)
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.req("REV-04")
async def test_expired_tokens_are_success(h: Harbour) -> None:
    tokens = await h.tokens(CLI)
    h.clock.advance(8 * 86_400)
    for kind in ("access_token", "refresh_token"):
        assert (await h.revoke(tokens[kind], CLI)).status == 200


@pytest.mark.req("REV-05")
@pytest.mark.parametrize(
    ("kind", "hint"),
    [("access_token", "refresh_token"), ("refresh_token", "access_token"), ("access_token", "nonsense")],
)
async def test_the_hint_is_only_a_hint(h: Harbour, kind: str, hint: str) -> None:
    tokens = await h.tokens()
    assert (await h.revoke(tokens[kind], token_type_hint=hint)).status == 200
    assert not await active(h, tokens["access_token"])


@pytest.mark.req("REV-08")
async def test_access_token_leaves_the_refresh_token(h: Harbour) -> None:
    tokens = await h.tokens()
    assert (await h.revoke(tokens["access_token"])).status == 200
    refreshed = await h.refresh(tokens["refresh_token"])
    assert refreshed.status == 200
    assert await active(h, refreshed.json["access_token"])


@pytest.mark.req("REV-09")
async def test_kinds_that_cannot_be_revoked_say_so() -> None:
    async with harbour(features=[*FEATURES, ETERNAL_TOKENS]) as h:
        assert_error(await h.revoke(ETERNAL), "unsupported_token_type")
        # Not even that is told to a client that the token was not issued to.
        assert_error(await h.revoke(ETERNAL, CLI), "invalid_request")


@pytest.mark.req("REV-11")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_post_only(h: Harbour, method: str) -> None:
    tokens = await h.tokens(CLI)
    target = f"{h.url('revocation')}?token={tokens['access_token']}&client_id={CLI}"
    assert (await h.agent().request(method, target)).status == 405
    assert await active(h, tokens["access_token"])
    assert h.url("revocation").startswith("https://")


@pytest.mark.req("REV-11")
async def test_tokens_in_the_query_are_refused(h: Harbour) -> None:
    tokens = await h.tokens(CLI)
    target = f"{h.url('revocation')}?token={tokens['access_token']}"
    assert_error(await h.agent().post(target, {"client_id": CLI}), "invalid_request")
    assert await active(h, tokens["access_token"])


@pytest.mark.req("REV-02")
async def test_the_token_is_required(h: Harbour) -> None:
    for form in ({}, {"token": ""}):
        assert_error(await h.agent().post(h.url("revocation"), form, basic(WEB)), "invalid_request")
    answer = await h.agent().post(h.url("revocation"), {"token": "x"}, basic(RESOURCE_SERVER))
    assert_error(answer, "invalid_client", 401)
    assert ISSUER in (answer.header("www-authenticate") or "")
