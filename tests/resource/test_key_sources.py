import asyncio
import json

import pytest
from tests.resource.support import API, ISSUER, KEY, NOW, jwks, token

from grantd.core.clock import ManualClock
from grantd.jose import SigningKey
from grantd.jose.errors import ForbiddenKeyError, KeyFormatError
from grantd.resource import AccessTokenVerifier, InvalidTokenError, IssuerKeys, KeysUnavailableError, StaticKeys
from grantd.resource.keys import metadata_url

pytestmark = pytest.mark.anyio
NEXT = SigningKey.generate("ES256", kid="k2")
METADATA = "https://login.harbour.example/.well-known/oauth-authorization-server"
JWKS = "https://login.harbour.example/jwks"


class Web:
    def __init__(self) -> None:
        self.pages = {METADATA: json.dumps({"issuer": ISSUER, "jwks_uri": JWKS}).encode(), JWKS: jwks(KEY)}
        self.asked: list[str] = []

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        await asyncio.sleep(0)
        if url not in self.pages:
            raise OSError("unreachable")
        return self.pages[url]


def setup() -> tuple[Web, ManualClock, AccessTokenVerifier]:
    web, clock = Web(), ManualClock(NOW)
    keys = IssuerKeys(ISSUER, web.fetch, clock=clock, max_age=300, unknown_key_interval=30, max_stale=3600)
    return web, clock, AccessTokenVerifier(ISSUER, API, keys, clock=clock)


@pytest.mark.req("JAT-15")
async def test_keys_come_through_the_metadata_and_are_kept() -> None:
    web, _, verifier = setup()
    assert (await verifier.verify(token())).subject == "u-1"
    assert (await verifier.verify(token())).subject == "u-1"
    assert web.asked == [METADATA, JWKS]


@pytest.mark.req("JAT-15")
async def test_every_published_key_is_usable_and_a_rotation_is_followed() -> None:
    web, clock, verifier = setup()
    web.pages[JWKS] = jwks(KEY, NEXT)
    assert (await verifier.verify(token(NEXT))).subject == "u-1"
    assert (await verifier.verify(token(KEY))).subject == "u-1"
    third = SigningKey.generate("ES256", kid="k3")
    web.pages[JWKS] = jwks(NEXT, third)
    clock.advance(31)
    assert (await verifier.verify(token(third))).subject == "u-1"
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token(KEY))


async def test_a_withdrawn_key_leaves_with_the_next_reading() -> None:
    web, clock, verifier = setup()
    await verifier.verify(token())
    web.pages[JWKS] = jwks(NEXT)
    clock.advance(299)
    assert (await verifier.verify(token())).subject == "u-1"
    clock.advance(1)
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token(exp=NOW + 900))


async def test_unknown_keys_cause_one_reading_an_interval() -> None:
    web, clock, verifier = setup()
    await verifier.verify(token())
    clock.advance(30)
    for _ in range(5):
        with pytest.raises(InvalidTokenError):
            await verifier.verify(token(NEXT))
    assert len(web.asked) == 4
    clock.advance(29)
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token(NEXT))
    assert len(web.asked) == 4
    clock.advance(1)
    web.pages[JWKS] = jwks(NEXT)
    assert (await verifier.verify(token(NEXT))).subject == "u-1"


async def test_bad_signatures_cause_no_reading() -> None:
    web, clock, verifier = setup()
    await verifier.verify(token())
    clock.advance(100)
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token(SigningKey.generate("ES256", kid="k1")))
    assert len(web.asked) == 2


async def test_many_requests_at_once_read_once() -> None:
    web, _, verifier = setup()
    answers = await asyncio.gather(*(verifier.verify(token()) for _ in range(20)))
    assert len(answers) == 20
    assert web.asked == [METADATA, JWKS]


async def test_tokens_of_a_new_key_wait_for_the_reading_under_way() -> None:
    web, clock, verifier = setup()
    await verifier.verify(token())
    web.pages[JWKS] = jwks(KEY, NEXT)
    clock.advance(30)
    answers = await asyncio.gather(*(verifier.verify(token(NEXT)) for _ in range(20)))
    assert len(answers) == 20
    assert len(web.asked) == 4


async def test_an_unreachable_issuer_is_bridged_for_a_while_and_no_longer() -> None:
    web, clock, verifier = setup()
    await verifier.verify(token())
    web.pages.clear()
    clock.advance(3_600)
    assert (await verifier.verify(token(exp=NOW + 9_000))).subject == "u-1"
    clock.advance(1)
    with pytest.raises(KeysUnavailableError):
        await verifier.verify(token(exp=NOW + 9_000))


@pytest.mark.parametrize(
    "metadata",
    [
        b"", b"[]", b"{}", json.dumps({"issuer": ISSUER}).encode(), json.dumps({"issuer": ISSUER, "jwks_uri": 5}).encode(),
        json.dumps({"issuer": ISSUER + "/", "jwks_uri": JWKS}).encode(),
        json.dumps({"issuer": "https://evil.example", "jwks_uri": JWKS}).encode(),
        json.dumps({"jwks_uri": JWKS}).encode(),
        json.dumps({"issuer": ISSUER, "jwks_uri": "http://login.harbour.example/jwks"}).encode(),
        json.dumps({"issuer": ISSUER, "jwks_uri": "http://127.0.0.1/jwks"}).encode(),
        json.dumps({"issuer": ISSUER, "jwks_uri": "file:///etc/keys"}).encode(),
        json.dumps({"issuer": ISSUER, "jwks_uri": JWKS, "x": "y" * 70_000}).encode(),
    ],
)  # fmt: skip
async def test_metadata_that_is_not_believed(metadata: bytes) -> None:
    web, _, verifier = setup()
    web.pages |= {
        METADATA: metadata,
        "http://127.0.0.1/jwks": jwks(KEY),
        "http://login.harbour.example/jwks": jwks(KEY),
    }
    with pytest.raises(KeysUnavailableError):
        await verifier.verify(token())
    assert web.asked == [METADATA]


async def test_a_key_set_with_private_keys_is_not_believed() -> None:
    web, _, verifier = setup()
    web.pages[JWKS] = json.dumps({"keys": [KEY.to_private_jwk()]}).encode()
    with pytest.raises(KeysUnavailableError):
        await verifier.verify(token())
    with pytest.raises(ForbiddenKeyError):
        StaticKeys({"keys": [KEY.to_private_jwk()]})
    with pytest.raises(KeyFormatError):
        StaticKeys(b"{}")


@pytest.mark.parametrize("issuer", ["http://login.harbour.example", "ftp://x", "login", "https://"])
def test_issuers_that_are_refused(issuer: str) -> None:
    with pytest.raises(ValueError, match="https URL"):
        IssuerKeys(issuer, Web().fetch)


def test_where_the_metadata_is() -> None:
    assert metadata_url(ISSUER) == METADATA
    assert metadata_url(ISSUER + "/") == METADATA
    assert metadata_url(ISSUER + "/tenant/a") == METADATA + "/tenant/a"
    assert metadata_url("http://localhost:9400/t/") == "http://localhost:9400/.well-known/oauth-authorization-server/t"
