"""kill -9 under load, three times on one file: what was acknowledged is there, and nothing single-use works twice."""

import asyncio
import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.support.harness import CHALLENGE, CLI, CLI_REDIRECT, TIDES, VERIFIER, basic, clients, resource_servers

from grantd.core.random import random_id
from grantd.server.pipeline.tokens import new_code
from grantd.storage.migrations import upgrade
from grantd.storage.records import Grant, User
from grantd.storage.sqlite import SqliteStore

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 3
THREADS = 8
CODES = 4_000
"""A round; more than there is time for."""
LOAD_SECONDS = 0.8
CHECKED = 60
"""Of each kind of promise so many are looked at after a restart; the latest ones, which a crash would take first."""


@dataclass
class Flow:
    """What one client was told, in order. ``open`` names the request that nobody answered."""

    code: str
    open: str = ""
    redeemed: bool = False
    revoked: bool = False
    access_token: str = ""
    refresh_tokens: list[str] = field(default_factory=list)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def seed(issuer: str, path: Path, number: int) -> list[str]:
    """Write parties and pending grants into the database that nobody serves yet; return the codes."""
    store = SqliteStore(str(path), synchronous="normal")
    for client in clients(issuer):
        assert await store.put_client(client)
    for server in resource_servers(issuer):
        assert await store.put_resource_server(server)
    assert await store.put_user(User(issuer=issuer, user_id="u-1", username="ana"))
    now = int(time.time())
    codes = []

    async def insert() -> None:
        grant_id = random_id()
        code, code_hash = new_code(grant_id)
        grant = Grant(
            issuer=issuer,
            grant_id=grant_id,
            grant_type="authorization_code",
            client_id=CLI,
            subject="u-1",
            user_id="u-1",
            status="pending",
            scopes=("tides.read",),
            resources=(TIDES,),
            redirect_uri=CLI_REDIRECT,
            evidence={"pkce": {"challenge": CHALLENGE, "method": "S256"}},
            code_hash=code_hash,
            code_expires_at=now + 600,
            created_at=now,
            expires_at=now + 600,
        )
        await store.insert_grant(grant)
        codes.append(code)

    await asyncio.gather(*(insert() for _ in range(number)))
    await store.close()
    return codes


class Caller:
    """One connection to the server."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)

    def post(self, path: str, form: dict[str, str], headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Send a form; whatever fails on the way means that there was no answer."""
        content = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
        fields = form if headers else {"client_id": CLI, **form}
        self._connection.request("POST", path, urlencode(fields), content)
        answer = self._connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body else None

    def redeem(self, code: str) -> tuple[int, Any]:
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
        return self.post("/token", form)

    def refresh(self, token: str) -> tuple[int, Any]:
        return self.post("/token", {"grant_type": "refresh_token", "refresh_token": token})

    def active(self, token: str) -> bool:
        status, said = self.post("/introspect", {"token": token}, basic("rs-tides"))
        assert status == 200
        return bool(said["active"])

    def close(self) -> None:
        self._connection.close()


@contextmanager
def running(port: int, path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(  # noqa: S603 - the runner beside this module
        [sys.executable, str(Path(__file__).with_name("runner.py")), str(port), str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "listening\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def work(port: int, codes: "queue.SimpleQueue[str]", flows: list[Flow]) -> None:
    """Redeem, refresh and revoke until the server is gone."""
    caller = Caller(port)
    try:
        for count in range(CODES):
            flow = Flow(codes.get_nowait())
            flows.append(flow)
            flow.open = "redeem"
            status, members = caller.redeem(flow.code)
            assert status == 200, members
            flow.redeemed, flow.access_token = True, members["access_token"]
            flow.refresh_tokens.append(members["refresh_token"])
            for _ in range(count % 3):
                flow.open = "refresh"
                status, members = caller.refresh(flow.refresh_tokens[-1])
                assert status == 200, members
                flow.refresh_tokens.append(members["refresh_token"])
                flow.access_token = members["access_token"]
            if count % 4 == 3:
                flow.open = "revoke"
                status, _ = caller.post("/revoke", {"token": flow.refresh_tokens[-1]})
                assert status == 200
                flow.revoked = True
            flow.open = ""
    except (OSError, http.client.HTTPException):
        pass
    finally:
        caller.close()


def load(port: int, process: "subprocess.Popen[str]", codes: list[str]) -> list[Flow]:
    """Keep the server busy and kill it in the midst of it."""
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for code in codes:
        waiting.put(code)
    flows: list[Flow] = []
    threads = [threading.Thread(target=work, args=(port, waiting, flows)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    time.sleep(LOAD_SECONDS)
    process.send_signal(signal.SIGKILL)
    for thread in threads:
        thread.join()
    return flows


def check(port: int, flows: list[Flow]) -> None:
    """Hold the restarted server to what its predecessor acknowledged."""
    caller = Caller(port)
    settled = [flow for flow in flows if not flow.open]
    cut = [flow for flow in flows if flow.open]
    assert len(settled) > THREADS
    assert cut, "the server was killed between requests"
    ended = [flow for flow in settled if flow.revoked][-CHECKED:]
    alive = [flow for flow in settled if not flow.revoked][-CHECKED:]
    for flow in ended:
        # No acknowledged revocation is lost.
        assert not caller.active(flow.access_token)
        assert caller.refresh(flow.refresh_tokens[-1])[0] == 400
    for flow in alive:
        # No acknowledged token is lost, and rotation went no further than was told.
        assert caller.active(flow.access_token)
        status, members = caller.refresh(flow.refresh_tokens[-1])
        assert status == 200, members
        flow.refresh_tokens.append(members["refresh_token"])
    for flow in cut:
        check_cut(caller, flow)
    for flow in [*ended, *alive]:
        # No code works twice, whatever became of its tokens.
        status, members = caller.redeem(flow.code)
        assert (status, members["error"]) == (400, "invalid_grant")
    for flow in alive:
        # And that replay, which had every proof, ended the grant.
        assert not caller.active(flow.access_token)
    caller.close()


def check_cut(caller: Caller, flow: Flow) -> None:
    """A request without an answer happened or did not; either way not twice."""
    if flow.open == "redeem":
        first, second = caller.redeem(flow.code)[0], caller.redeem(flow.code)[0]
        assert first in {200, 400}
        assert second == 400
    elif flow.open == "refresh":
        # If the rotation was written the overlap repeats its successor; if not it happens now.
        status, members = caller.refresh(flow.refresh_tokens[-1])
        assert status == 200, members
        again = caller.refresh(flow.refresh_tokens[-1])
        assert again[1]["refresh_token"] == members["refresh_token"]
    else:
        # All of the revocation or nothing of it.
        assert caller.active(flow.access_token) is (caller.refresh(flow.refresh_tokens[-1])[0] == 200)


@pytest.mark.slow
@pytest.mark.req("OA21-089", "OA21-101", "REV-06")
def test_kill_under_load(tmp_path: Path) -> None:
    port, path = free_port(), tmp_path / "grantd.sqlite3"
    upgrade(f"sqlite:{path}")
    issuer = f"http://127.0.0.1:{port}"
    killed: list[Flow] = []
    codes = asyncio.run(seed(issuer, path, ROUNDS * CODES))
    for number in range(ROUNDS):
        with running(port, path) as process:
            if killed:
                check(port, killed)
            killed = load(port, process, codes[number::ROUNDS])
    with running(port, path):
        check(port, killed)
