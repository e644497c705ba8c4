"""OAuth 2.1 sections 1.4 and 7.1: what tokens are made of."""

from base64 import urlsafe_b64decode
from typing import Any

import msgspec
import pytest
from tests.support.harness import CRANES, ISSUER, RESOURCE_SERVER, SERVICE, TIDES, Harbour, harbour, resource_servers
from tests.support.independent import read_jwt

from grantd.server.settings import Lifetimes

pytestmark = pytest.mark.anyio

MINIMUM_BITS = 160


def bits(text: str) -> int:
    return len(urlsafe_b64decode(text + "=" * (-len(text) % 4))) * 8


async def opaque_tides(h: Harbour) -> None:
    """Give the tides API opaque tokens."""
    before = (await h.store.list_resource_servers(ISSUER))[1]
    assert before.resource_server_id == RESOURCE_SERVER
    changed = msgspec.structs.replace(before, token_format="opaque", version=before.version + 1)
    assert await h.store.put_resource_server(changed)
    h.issuer.load_resource_servers(await h.store.list_resource_servers(ISSUER))


@pytest.mark.req("OA21-110")
async def test_random_parts_have_at_least_160_bits(h: Harbour) -> None:
    codes, refresh_tokens, identifiers = set[str](), set[str](), set[str]()
    for _ in range(8):
        code = await h.code()
        tokens = (await h.redeem(code)).json
        jti = (await read_jwt(h, tokens["access_token"]))[1]["jti"]
        codes.add(code[22:])
        # The family's name begins with the time (48 bits, 8 characters); the MAC at the end is what nobody can guess.
        refresh_tokens.add(tokens["refresh_token"][8:])
        identifiers.add(jti.partition(".")[2])
    for parts in (codes, refresh_tokens, identifiers):
        assert len(parts) == 8
        assert all(bits(part) >= MINIMUM_BITS for part in parts), parts
        # No position is the same in all of them: nothing is constant filling (a refresh token's counter apart).
        constant = sum(len(set(column)) == 1 for column in zip(*parts, strict=True))
        assert constant <= (6 if parts is refresh_tokens else 0)


@pytest.mark.req("OA21-110")
@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_access_tokens_cannot_be_altered(h: Harbour, token_format: str) -> None:
    if token_format == "opaque":
        await opaque_tides(h)
    token = (await h.tokens())["access_token"]
    assert (await h.introspect(token))["active"]
    for position in range(0, len(token) - 1, 7):
        altered = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        assert await h.introspect(altered) == {"active": False}, position
    assert (await h.introspect(token))["active"]


@pytest.mark.req("OA21-112")
async def test_tokens_are_short_lived_audience_restricted_and_least_privileged(h: Harbour) -> None:
    claims = (await read_jwt(h, (await h.tokens(scope="tides.read"))["access_token"]))[1]
    assert claims["exp"] - claims["iat"] == 300
    assert claims["aud"] == TIDES
    assert claims["scope"] == "tides.read"
    service = (await read_jwt(h, (await h.client_credentials(SERVICE, scope="cranes.read")).json["access_token"]))[1]
    assert service["aud"] == CRANES
    assert service["scope"] == "cranes.read"


@pytest.mark.req("OA21-112", "OA21-079")
@pytest.mark.parametrize("lifetime", [60, 900])
async def test_lifetime_is_the_configured_one(lifetime: int) -> None:
    async with harbour(lifetimes=Lifetimes(access_token=lifetime)) as h:
        tokens = await h.tokens()
        assert tokens["expires_in"] == lifetime
        h.clock.advance(lifetime - 1)
        assert (await h.introspect(tokens["access_token"]))["active"]
        h.clock.advance(1)
        assert not (await h.introspect(tokens["access_token"]))["active"]


@pytest.mark.req("OA21-112")
async def test_a_resource_may_shorten_the_lifetime(h: Harbour) -> None:
    tides = resource_servers()[0]
    await h.store.put_resource_server(msgspec.structs.replace(tides, access_token_lifetime=30, version=2))
    h.issuer.load_resource_servers(await h.store.list_resource_servers(ISSUER))
    tokens = await h.tokens()
    claims = (await read_jwt(h, tokens["access_token"]))[1]
    assert tokens["expires_in"] == claims["exp"] - claims["iat"] == 30


@pytest.mark.req("OA21-152")
async def test_opaque_tokens_say_nothing_to_their_holder(h: Harbour) -> None:
    await opaque_tides(h)
    tokens = await h.tokens()
    token = tokens["access_token"]
    readable = token.encode() + urlsafe_b64decode(token.partition("_")[2] + "==")
    for secret in ("tides", "fleet-web-7", "u-51Kd", ISSUER, "sub", "aud"):
        assert secret.encode() not in readable
    said: dict[str, Any] = await h.introspect(token)
    assert (said["active"], said["sub"], said["aud"]) == (True, "u-51Kd", TIDES)
    # The other API keeps its format.
    assert (await h.client_credentials()).json["access_token"].count(".") == 2
