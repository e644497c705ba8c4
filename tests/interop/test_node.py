"""oauth4webapi and openid-client, unmodified, through the whole life of a grant."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.browser import Browser
from tests.support.quickstart import (
    API,
    CONFIDENTIAL_CLIENT,
    PASSWORD,
    PUBLIC_CLIENT,
    REDIRECT_URI,
    SCOPE,
    USERNAME,
    Quickstart,
)

pytestmark = pytest.mark.interop

FOLDER = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def node() -> str:
    path = os.environ.get("GRANTD_TEST_NODE", "")
    if not path:
        pytest.skip("GRANTD_TEST_NODE is not set; `make test` brings Node")
    return path


class Conversation:
    """A Node script that takes and gives JSON, one object a line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the script ended without a word (status {self._process.wait(10)})"
        message: dict[str, Any] = json.loads(line)
        assert "failed" not in message, message
        return message


@contextmanager
def script(node: str, name: str) -> Iterator[Conversation]:
    with subprocess.Popen(  # noqa: S603 - a script of this repository
        [node, name], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Conversation(process)
        finally:
            process.kill()


def converse(node: str, name: str, quickstart: Quickstart, client_id: str, method: str) -> dict[str, Any]:
    """Let a script run through the life of a grant, with Ana at the browser; return what it reports."""
    secret = "" if method == "none" else quickstart.client_secret(client_id)
    redirect_uri = REDIRECT_URI.replace("127.0.0.1", "127.0.0.1:49152") if method == "none" else REDIRECT_URI
    with script(node, name) as conversation, Browser() as browser:
        conversation.send(
            {
                "issuer": quickstart.issuer,
                "client_id": client_id,
                "client_secret": secret,
                "method": method,
                "redirect_uri": redirect_uri,
                "scope": SCOPE,
                "resource": quickstart.resource(API),
                "resource_server_id": API,
                "resource_server_secret": quickstart.resource_secret(API),
            }
        )
        url = conversation.receive()["authorization_url"]
        callback = browser.authorize(url, username=USERNAME, password=PASSWORD)
        assert callback.startswith(redirect_uri)
        conversation.send({"callback_url": callback})
        return conversation.receive()


def assert_whole_life(result: dict[str, Any], quickstart: Quickstart, client_id: str) -> None:
    first, second = result["first"], result["second"]
    assert first["token_type"].lower() == "bearer"
    assert first["expires_in"] > 0
    assert second["access_token"] != first["access_token"]
    active = result["active"]
    assert active["active"] is True
    assert active["client_id"] == client_id
    assert active["iss"] == quickstart.issuer
    audience = active["aud"]
    assert quickstart.resource(API) in ([audience] if isinstance(audience, str) else audience)
    assert set(active["scope"].split()) == set(SCOPE.split())
    assert result["after_revocation"] == {"active": False}
    assert result["replay"] == "invalid_grant"


CLIENTS = [
    pytest.param(PUBLIC_CLIENT, "none", id="public"),
    pytest.param(CONFIDENTIAL_CLIENT, "client_secret_basic", id="confidential"),
]


@pytest.mark.parametrize(("client_id", "method"), CLIENTS)
def test_oauth4webapi(node: str, quickstart: Quickstart, client_id: str, method: str) -> None:
    result = converse(node, "oauth4webapi.mjs", quickstart, client_id, method)
    assert_whole_life(result, quickstart, client_id)
    assert result["signed"]["active"] is True
    assert result["signed"]["sub"] == result["active"]["sub"]


@pytest.mark.parametrize(("client_id", "method"), CLIENTS)
def test_openid_client(node: str, quickstart: Quickstart, client_id: str, method: str) -> None:
    result = converse(node, "openid-client.mjs", quickstart, client_id, method)
    assert_whole_life(result, quickstart, client_id)


@pytest.mark.parametrize("name", ["oauth4webapi.mjs", "openid-client.mjs"])
def test_the_scripts_fail_loudly(node: str, name: str) -> None:
    # Port 9 (discard) has no server: a script that swallowed errors would make the tests above worthless.
    with script(node, name) as conversation:
        conversation.send({"issuer": "http://localhost:9", "client_id": "nobody"})
        with pytest.raises(AssertionError, match="failed"):
            conversation.receive()
