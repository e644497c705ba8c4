"""What the database and the logs hold after whole flows opens nothing (OAuth 2.1 sections 1.4 and 4.3)."""

import io
import logging
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec
import pytest
from tests.support.asgi import UserAgent
from tests.support.forms import form_of
from tests.support.harness import (
    CLI,
    ISSUER,
    PASSWORD,
    RESOURCE_SERVER,
    SERVICE,
    SPA,
    VERIFIER,
    WEB,
    Harbour,
    basic,
    harbour,
    secret_of,
)

from grantd.server.observe import logs
from grantd.server.observe.logs import configure
from grantd.server.settings import LogSettings

pytestmark = pytest.mark.anyio

LONG = 40
"""Of a secret this long not even the middle part may be found."""

WORD = re.compile(r"[A-Za-z0-9._~+/=-]{16,8000}")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything that is logged, at the most talkative level."""
    root = logging.getLogger()
    access = logging.getLogger("uvicorn.access")
    kept = root.handlers[:], root.level, access.disabled, logs._State.threshold, logs._State.sink
    stream = io.StringIO()
    configure(LogSettings(level="debug"), stream)
    yield stream
    root.handlers[:], access.disabled = kept[0], kept[2]
    root.setLevel(kept[1])
    logs._State.threshold, logs._State.sink = kept[3:]


def dump(path: Path) -> list[str | bytes]:
    """Every value in the database."""
    values: list[str | bytes] = []
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    tables = [row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")]
    for table in tables:
        for row in connection.execute(f'select * from "{table}"'):  # noqa: S608 - names from the schema itself
            values += [value for value in row if isinstance(value, str | bytes)]
    connection.close()
    assert len(tables) > 8
    assert len(values) > 100
    return values


class Flows:
    """Runs everything and remembers each secret that was handed out or sent."""

    def __init__(self, h: Harbour) -> None:
        self.h = h
        self.secrets: dict[str, str] = {"password": PASSWORD, "verifier": VERIFIER}
        self.living: list[str] = []

    def keep(self, name: str, value: str) -> str:
        self.secrets[f"{name} {len(self.secrets)}"] = value
        return value

    async def run(self) -> UserAgent:
        h = self.h
        for client_id in (WEB, SERVICE, RESOURCE_SERVER):
            self.keep(f"secret of {client_id}", secret_of(client_id))
        agent = h.agent()
        asked = await h.authorize(agent)
        page = form_of((await agent.get(asked.location)).text)
        self.keep("form token", page.hidden["csrf"])
        wrong = await agent.post(page.action, {**page.hidden, "username": "ana", "password": "wrong horse battery"})
        assert wrong.status == 401
        self.keep("wrong password", "wrong horse battery")
        for client_id in (WEB, CLI, SPA):
            code = self.keep("code", await h.code(agent, client_id))
            tokens = (await h.redeem(code, client_id)).json
            self.keep("unredeemed code", await h.code(agent, client_id))
            for _ in range(2):
                self.keep("access token", tokens["access_token"])
                self.keep("refresh token", tokens["refresh_token"])
                tokens = (await h.refresh(tokens["refresh_token"], client_id)).json
            self.keep("access token", tokens["access_token"])
            self.living.append(self.keep("refresh token", tokens["refresh_token"]))
            assert (await h.introspect(tokens["access_token"]))["active"]
            assert (await h.redeem("x" * 65, client_id)).status == 400
            assert (await h.refresh(tokens["refresh_token"], client_id, scope="unknown")).status == 400
            assert (await h.redeem(code[:-1] + "!", client_id)).status == 400
        self.keep("access token", (await h.client_credentials()).json["access_token"])
        wrong = await h.client_credentials(client_secret=self.keep("wrong secret", "wrong-secret-of-32-characters-xyz"))
        assert wrong.status == 400
        wrong = await h.agent().post(h.url("token"), {"grant_type": "x"}, basic(WEB, "wrong-secret-in-the-header"))
        assert wrong.status == 401
        self.keep("wrong secret", "wrong-secret-in-the-header")
        # Secrets in the wrong place are not written down either.
        misplaced = self.keep("misplaced secret", "misplaced-secret-of-32-characters")
        assert (await h.agent().post(f"{h.url('token')}?client_secret={misplaced}", {"a": "b"})).status == 400
        assert (await h.agent().get(f"{h.url('token')}?code={misplaced}")).status == 405
        assert (await h.revoke(self.keep("revoked token", (await h.tokens())["refresh_token"]))).status == 200
        for name, value in agent.cookies.items():
            self.keep(f"cookie {name}", value)
        private = h.issuer.keys.signer()
        self.keep("private key", urlsafe_b64encode(private.to_der()).decode())
        return agent


@pytest.mark.req("OA21-151")
async def test_nothing_at_rest_opens_anything(tmp_path: Path, written: io.StringIO) -> None:
    async with harbour("sqlite", path=tmp_path) as h:
        h.server.application._access_all = True
        flows = Flows(h)
        agent = await flows.run()
        await h.deployment.neighbours.audit.flush()
        values = dump(tmp_path / "grantd.sqlite3")
        texts = [value if isinstance(value, str) else value.decode("latin-1") for value in values]
        texts.append(written.getvalue())
        files = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
        assert '"event":"request refused"' in written.getvalue()
        everything = "\n".join(texts)
        raw = everything.encode("latin-1", "replace") + files
        for name, secret in flows.secrets.items():
            octets = secret.encode()
            middle = octets[8:-8] if len(octets) >= LONG else octets
            for form in (octets, b64encode(octets).rstrip(b"="), octets.hex().encode(), middle):
                assert form not in raw, name
        await nothing_works(h, everything, agent)
        # The control: what the clients hold works, after all those attempts.
        for client_id, refresh_token in zip((WEB, CLI, SPA), flows.living, strict=True):
            assert (await h.refresh(refresh_token, client_id)).status == 200
        assert "code" in (await h.authorize(agent)).query


async def nothing_works(h: Harbour, everything: str, agent: UserAgent) -> None:
    """Try each word that stands somewhere, and the usual spellings of each binary value, as every kind of secret."""
    words = set(WORD.findall(everything))
    words |= {urlsafe_b64encode(word.encode("latin-1", "replace")).rstrip(b"=").decode() for word in set(words)}
    assert len(words) > 100
    session = h.issuer.cookies.session
    page = (await h.authorize(h.agent())).location.partition("?")[0]
    for word in words:
        assert await h.introspect(word) == {"active": False}, word
        for client_id in (WEB, CLI):
            assert (await h.refresh(word, client_id)).status == 400, word
            assert (await h.redeem(word, client_id)).status == 400, word
        thief = h.agent()
        thief.cookies[session] = word
        assert (await h.authorize(thief)).location.startswith(page), word
        # Another address each, or the throttle would answer instead.
        client = UserAgent(h.server.application, h.issuer.authority, f"198.51.100.{hash(word) % 256}", "https")
        answer = await client.post(h.url("introspection"), {"token": "x"}, basic(RESOURCE_SERVER, word))
        assert answer.status in {401, 429}, word


@pytest.mark.req("OA21-151")
async def test_opaque_tokens_are_not_kept_either(tmp_path: Path) -> None:
    async with harbour("sqlite", path=tmp_path) as h:
        servers = await h.store.list_resource_servers(ISSUER)
        tides = next(server for server in servers if server.resource_server_id == RESOURCE_SERVER)
        assert await h.store.put_resource_server(msgspec.structs.replace(tides, token_format="opaque", version=2))
        h.issuer.load_resource_servers(await h.store.list_resource_servers(ISSUER))
        token = (await h.tokens())["access_token"]
        assert (await h.revoke(token)).status == 200
        await h.deployment.neighbours.audit.flush()
        files = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
        assert token[8:40].encode() not in files
