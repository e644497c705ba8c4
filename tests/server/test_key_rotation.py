"""Keys rotate under traffic: every token verifies with what receivers know, during its whole life."""

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from tests.support.harness import ISSUER, Harbour, basic, harbour
from tests.support.independent import metadata_of, published_keys, read_jwt

from grantd.server.settings import KeySettings

pytestmark = pytest.mark.anyio

KEYS = KeySettings(algorithms=("ES256",), rotate_seconds=3_600, publish_seconds=600, jwks_max_age=300)
STEP = 75
LIFETIME = 300


def kid_of(token: str) -> str:
    kid: str = json.loads(urlsafe_b64decode(token.partition(".")[0] + "=="))["kid"]
    return kid


@asynccontextmanager
async def rotating() -> AsyncIterator[Harbour]:
    async with harbour(keys=KEYS) as h:
        yield h


async def upkeep(h: Harbour) -> None:
    assert h.server._upkeep is not None
    await h.server._upkeep.rotate_keys()


@dataclass
class Receiver:
    """A resource server that reads the key set as HTTP lets it: not again before max-age is over."""

    h: Harbour
    fetched_at: int = -1_000_000
    keys: KeySet = field(default_factory=lambda: KeySet([]))

    async def verify(self, token: str) -> dict[str, Any]:
        if self.h.clock.now() - self.fetched_at >= KEYS.jwks_max_age:
            self.keys, self.fetched_at = await published_keys(self.h), self.h.clock.now()
        return jwt.decode(token, self.keys, algorithms=["ES256"]).claims


@pytest.mark.req("JAT-15", "ASM-08")
async def test_every_token_verifies_during_its_life() -> None:
    async with rotating() as h:
        # The first receiver reads the set as soon as it may, the second holds on to it and asks every third time.
        receivers = [Receiver(h), Receiver(h, fetched_at=h.clock.now(), keys=await published_keys(h))]
        refresh_token = (await h.tokens())["refresh_token"]
        living: list[tuple[int, str]] = []
        used: list[str] = []
        for step in range(4 * KEYS.rotate_seconds // STEP):
            await upkeep(h)
            refreshed = (await h.refresh(refresh_token)).json
            refresh_token = refreshed["refresh_token"]
            living.append((h.clock.now(), refreshed["access_token"]))
            living = [(issued, token) for issued, token in living if h.clock.now() - issued < LIFETIME]
            for _, token in living:
                assert (await h.introspect(token))["active"]
                for receiver in receivers[: 1 + (step % 3 == 0)]:
                    assert (await receiver.verify(token))["iss"] == ISSUER
            used.append(kid_of(refreshed["access_token"]))
            h.clock.advance(STEP)
        order = list(dict.fromkeys(used))
        assert len(order) >= 4
        # One key after the other, never back.
        assert used == sorted(used, key=order.index)


@pytest.mark.req("JAT-15")
async def test_a_key_is_published_before_it_signs_and_until_its_last_token_is_gone() -> None:
    async with rotating() as h:
        published: dict[str, list[int]] = {}
        signed: dict[str, list[int]] = {}
        for _ in range(4 * KEYS.rotate_seconds // STEP):
            await upkeep(h)
            now = h.clock.now()
            keys = (await published_keys(h)).keys
            assert len(keys) <= 2
            for key in keys:
                assert key.kid is not None
                published.setdefault(key.kid, []).append(now)
            signed.setdefault(kid_of((await h.client_credentials()).json["access_token"]), []).append(now)
            h.clock.advance(STEP)
        kids = list(signed)
        for kid in kids[1:]:
            assert signed[kid][0] - published[kid][0] >= KEYS.jwks_max_age
        for kid in kids[:-1]:
            assert published[kid][-1] >= signed[kid][-1] + LIFETIME
            # And then it leaves, the private half long before.
            assert published[kid][-1] < h.clock.now() - STEP
        records = {record.kid: record for record in await h.store.list_keys(ISSUER)}
        assert kids[0] not in records


@pytest.mark.req("JAT-15", "INTR-04")
async def test_emergency_revocation_ends_tokens_at_once() -> None:
    async with rotating() as h:
        await upkeep(h)
        tokens = await h.tokens()
        stolen = kid_of(tokens["access_token"])
        assert (await h.introspect(tokens["access_token"]))["active"]
        await h.deployment.key_lifecycles[ISSUER].revoke(stolen)
        assert h.server._upkeep is not None
        await h.server._upkeep.poll()
        # The token is dead for those who ask, and the key is gone for those who read the set.
        assert await h.introspect(tokens["access_token"]) == {"active": False}
        assert stolen not in [key.kid for key in (await published_keys(h)).keys]
        with pytest.raises((JoseError, ValueError)):
            await read_jwt(h, tokens["access_token"])
        # There is no moment without a signer, and grants live on.
        refreshed = (await h.refresh(tokens["refresh_token"])).json
        assert kid_of(refreshed["access_token"]) != stolen
        assert (await read_jwt(h, refreshed["access_token"]))[1]["sub"] == h.user.user_id
        assert (await h.introspect(refreshed["access_token"]))["active"]


@pytest.mark.req("INTR-11")
async def test_signed_answers_follow_the_rotation() -> None:
    async with rotating() as h:
        seen = set()
        for _ in range(3):
            await upkeep(h)
            headers = {**basic("rs-tides"), "accept": "application/token-introspection+jwt"}
            answer = await h.agent().post(h.url("introspection"), {"token": "x"}, headers)
            header, _ = await read_jwt(h, answer.text)
            seen.add(header["kid"])
            for _ in range(7):
                h.clock.advance(KEYS.publish_seconds)
                await upkeep(h)
        assert len(seen) == 3


async def test_the_key_sets_tag_changes_with_it() -> None:
    async with rotating() as h:
        await upkeep(h)
        uri = (await metadata_of(h))["jwks_uri"]
        first = await h.agent().get(uri)
        tag = first.header("etag") or ""
        assert (await h.agent().get(uri, {"if-none-match": tag})).status == 304
        # The successor is published before it signs.
        h.clock.advance(KEYS.rotate_seconds - KEYS.publish_seconds)
        await upkeep(h)
        second = await h.agent().get(uri, {"if-none-match": tag})
        assert second.status == 200
        assert second.body != first.body
