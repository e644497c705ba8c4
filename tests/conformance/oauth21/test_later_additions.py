"""OA21-151 and OA21-152: tokens at rest, and tokens that clients cannot read."""

import io
import logging
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.support.harness import PASSWORD, RESOURCE_SERVER, WEB, Harbour, harbour, secret_of

from grantd.server.observe import logs
from grantd.server.settings import LogSettings

pytestmark = pytest.mark.anyio


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that the process logs, and nothing left of it afterwards."""
    root, access = logging.getLogger(), logging.getLogger("uvicorn.access")
    handlers, level, state = root.handlers[:], root.level, (logs._State.threshold, logs._State.sink)
    stream = io.StringIO()
    logs.configure(LogSettings(level="debug"), stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    access.disabled = False
    logs._State.threshold, logs._State.sink = state


def dump_of(folder: Path) -> bytes:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".sqlite3" for path in files)
    return b"".join(path.read_bytes() for path in files)


@pytest.mark.req("OA21-151", "OA21-137")
async def test_no_dump_of_the_database_or_the_logs_holds_a_token(tmp_path: Path, log: io.StringIO) -> None:
    async with harbour("sqlite", path=tmp_path) as h:
        agent = h.agent()
        waiting = await h.code(agent)
        spent = await h.code(agent)
        tokens = (await h.redeem(spent)).json
        rotated = (await h.refresh(tokens["refresh_token"])).json
        # Failures write logs too.
        assert (await h.redeem(spent)).status == 400
        assert (await h.token(WEB, grant_type="refresh_token", refresh_token="x")).status == 400
        asked = await h.authorize(h.agent())
        assert asked.status == 303
        fresh = await h.tokens()
        dump = dump_of(tmp_path)
        written = log.getvalue().encode()
        assert b"request refused" in written
        secrets = {
            "code": waiting,
            "spent code": spent,
            "access token": fresh["access_token"],
            "refresh token": fresh["refresh_token"],
            "older access token": tokens["access_token"],
            "older refresh token": tokens["refresh_token"],
            "rotated refresh token": rotated["refresh_token"],
            "session": agent.cookies[h.issuer.cookies.session],
            "user agent key": agent.cookies[h.issuer.cookies.user_agent],
            "client secret": secret_of(WEB),
            "password": PASSWORD,
        }
        for place, content in (("database", dump), ("logs", written)):
            for name, secret in secrets.items():
                assert secret.encode() not in content, (place, name)
        # Whatever in them looks like a token is none.
        grants = await h.store.list_grants(h.identifier, by="client", key=WEB)
        assert grants
        for text in sorted(set(re.findall(rb"[A-Za-z0-9_-]{43,80}", dump)))[:200]:
            candidate = text.decode()
            assert (await h.introspect(candidate))["active"] is False
            assert (await h.refresh(candidate)).status == 400
            assert (await h.redeem(candidate)).status == 400
        assert (await h.redeem(waiting)).status == 200


async def with_format(h: Harbour, token_format: str) -> str:
    (record,) = [
        s for s in await h.store.list_resource_servers(h.identifier) if s.resource_server_id == RESOURCE_SERVER
    ]
    changed = msgspec.structs.replace(record, token_format=token_format, version=record.version + 1)
    assert await h.store.put_resource_server(changed)
    h.issuer.load_resource_servers(await h.store.list_resource_servers(h.identifier))
    token: str = (await h.tokens())["access_token"]
    return token


def decoded(token: str) -> bytes:
    return b"".join(
        urlsafe_b64decode(part[:length] + "=" * (-length % 4))
        for part in re.findall(r"[A-Za-z0-9_-]+", token)
        if (length := len(part) - (len(part) % 4 == 1))
    )


@pytest.mark.req("OA21-152")
async def test_an_opaque_token_says_nothing(h: Harbour) -> None:
    token = await with_format(h, "opaque")
    assert "." not in token
    for claim in (h.user.user_id, "tides", WEB, "harbour", "sub", "scope"):
        assert claim not in token
        assert claim.encode() not in decoded(token)
    seen = await h.introspect(token)
    assert (seen["active"], seen["sub"], seen["scope"]) == (True, h.user.user_id, "tides.read")
    # The test would notice: the other format can be read.
    assert h.user.user_id.encode() in decoded(await with_format(h, "jwt"))
