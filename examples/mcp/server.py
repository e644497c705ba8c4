"""A Model Context Protocol server that accepts grantd's access tokens.

    python examples/mcp/server.py --issuer http://localhost:9400 --resource http://localhost:9402/mcp

It publishes its protected resource metadata (RFC 9728), challenges callers without a token, and checks each token's
signature, issuer, audience and expiry by the issuer's own keys. The scope ``notes.read`` is required.
"""

import argparse
from urllib.parse import urlsplit

import httpx2
import uvicorn
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer

from grantd.resource.errors import InvalidTokenError
from grantd.resource.keys import IssuerKeys
from grantd.resource.verifier import AccessTokenVerifier

_MAX_BYTES = 65_536


async def fetch(url: str) -> bytes:
    """Get a small document: no redirects, five seconds at most."""
    async with httpx2.AsyncClient(timeout=5, trust_env=False) as client, client.stream("GET", url) as response:
        if response.status_code != httpx2.codes.OK:
            raise ConnectionError(f"{url} answered {response.status_code}")
        body = b""
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _MAX_BYTES:
                raise ConnectionError(f"{url} is larger than {_MAX_BYTES} bytes")
        return body


class GrantdTokens:
    """Says to the MCP SDK who a token stands for.

    Args:
        issuer: the authorization server.
        resource: this server's own identifier, the audience of its tokens.
    """

    def __init__(self, issuer: str, resource: str) -> None:
        self._resource = resource
        self._verifier = AccessTokenVerifier(issuer, resource, IssuerKeys(issuer, fetch))

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what a valid token says, or ``None``."""
        try:
            verified = await self._verifier.verify(token)
        except InvalidTokenError:
            return None
        return AccessToken(
            token=token,
            client_id=verified.client_id,
            scopes=sorted(verified.scopes),
            expires_at=verified.expires_at,
            resource=self._resource,
            subject=verified.subject,
            claims={"iss": verified.issuer},
        )


def build(issuer: str, resource: str) -> MCPServer:
    """Return the server with its one tool."""
    server = MCPServer(
        "grantd notes",
        token_verifier=GrantdTokens(issuer, resource),
        # As strings: a URL object would gain a slash, and an issuer is compared character by character.
        auth=AuthSettings.model_validate(
            {
                "issuer_url": issuer,
                "resource_server_url": resource,
                "required_scopes": ["notes.read"],
                "validate_token_resource": True,
            }
        ),
    )

    @server.tool()
    def whoami() -> str:
        """Say for whom and through which client the call was made."""
        token = get_access_token()
        return "nobody" if token is None else f"{token.subject} through {token.client_id}"

    return server


def main() -> None:
    """Serve until stopped, at the host, port and path of the resource identifier."""
    parser = argparse.ArgumentParser(description="A demo MCP server protected by grantd")
    parser.add_argument("--issuer", required=True)
    parser.add_argument(
        "--resource", required=True, help="this server's identifier, for example http://localhost:9402/mcp"
    )
    arguments = parser.parse_args()
    parts = urlsplit(arguments.resource)
    app = build(arguments.issuer, arguments.resource).streamable_http_app(streamable_http_path=parts.path or "/")
    uvicorn.run(app, host="127.0.0.1", port=parts.port or 80, log_level="warning")


if __name__ == "__main__":
    main()
