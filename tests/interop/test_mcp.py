"""The OAuth client of the MCP Python SDK, registered beforehand, against an MCP server that checks our tokens."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import anyio.to_thread
import httpx
import pytest
from mcp.client import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from pydantic import AnyUrl
from tests.support.browser import Browser
from tests.support.quickstart import (
    MCP,
    PASSWORD,
    PUBLIC_CLIENT,
    REDIRECT_URI,
    USERNAME,
    Quickstart,
    stop,
    wait_until_answers,
)

pytestmark = pytest.mark.interop

SERVER = Path(__file__).parents[2] / "examples" / "mcp" / "server.py"


@pytest.fixture(scope="module")
def mcp_server(quickstart: Quickstart, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    resource = quickstart.resource(MCP)
    log = tmp_path_factory.mktemp("mcp") / "mcp.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the example server of this repository
            [sys.executable, str(SERVER), "--issuer", quickstart.issuer, "--resource", resource],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_answers(resource, process, log, status=401)
        yield resource
    finally:
        stop(process)


class RegisteredBeforehand:
    """Token storage of a client that the operator has registered."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.written = 0

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens
        self.written += 1

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return OAuthClientInformationFull(
            client_id=PUBLIC_CLIENT, redirect_uris=[AnyUrl(REDIRECT_URI)], token_endpoint_auth_method="none"
        )

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise AssertionError("the client tried to register")


def provider(mcp_server: str, storage: RegisteredBeforehand, browser: Browser) -> OAuthClientProvider:
    callbacks: list[str] = []

    async def redirect(url: str) -> None:
        def walk() -> str:
            return browser.authorize(url, username=USERNAME, password=PASSWORD)

        callbacks.append(await anyio.to_thread.run_sync(walk))

    async def callback() -> AuthorizationCodeResult:
        query = {name: values[0] for name, values in parse_qs(urlsplit(callbacks.pop()).query).items()}
        return AuthorizationCodeResult(code=query.get("code", ""), state=query.get("state"), iss=query.get("iss"))

    return OAuthClientProvider(
        server_url=mcp_server,
        client_metadata=OAuthClientMetadata(
            client_name="grantd interop",
            redirect_uris=[AnyUrl(REDIRECT_URI)],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method="none",
        ),
        storage=storage,
        redirect_handler=redirect,
        callback_handler=callback,
    )


async def whoami(mcp_server: str, auth: OAuthClientProvider) -> str:
    async with (
        create_mcp_http_client(auth=auth) as http_client,
        Client(streamable_http_client(mcp_server, http_client=http_client)) as client,
    ):
        result = await client.call_tool("whoami", {})
        return str(getattr(result.content[0], "text", ""))


@pytest.mark.anyio
async def test_the_sdk_signs_in_calls_and_refreshes(mcp_server: str) -> None:
    storage = RegisteredBeforehand()
    with Browser() as browser:
        auth = provider(mcp_server, storage, browser)
        assert (await whoami(mcp_server, auth)).endswith(f" through {PUBLIC_CLIENT}")
        first = storage.tokens
        assert first is not None
        assert first.refresh_token

        # As if the access token's time was up: the provider refreshes before the next call.
        auth.context.token_expiry_time = 1.0
        assert (await whoami(mcp_server, auth)).endswith(f" through {PUBLIC_CLIENT}")
    assert storage.tokens is not None
    assert storage.tokens.access_token != first.access_token
    assert storage.written == 2


def test_the_mcp_server_turns_strangers_away(mcp_server: str) -> None:
    for headers in ({}, {"authorization": "Bearer not-a-token"}):
        answer = httpx.post(mcp_server, headers=headers, json={}, timeout=10, trust_env=False)
        assert answer.status_code == 401
        assert "resource_metadata=" in answer.headers["www-authenticate"]
