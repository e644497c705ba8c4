"""What the quickstart's server knows at its first request."""

from grantd.demo.folder import (
    LOOPBACK_REDIRECT,
    MCP_SERVER,
    PASSWORD,
    PUBLIC_CLIENT,
    RESOURCE_SERVER,
    SCOPES,
    SERVICE_CLIENT,
    USERNAME,
    Demo,
)
from grantd.server.administration.seed import SeedFile
from grantd.server.administration.seed.model import SeedClient, SeedResourceServer, SeedUser


def content(demo: Demo) -> SeedFile:
    """Return the demo's APIs, clients and person, as a seed file would hold them."""
    both = ("authorization_code", "refresh_token")
    return SeedFile(
        resource_servers=(
            SeedResourceServer(
                resource_server_id=RESOURCE_SERVER,
                name="Demo notes",
                identifiers=(demo.resource,),
                scopes=SCOPES,
                default=True,
                secret=demo.api_secret,
            ),
            SeedResourceServer(
                resource_server_id=MCP_SERVER,
                name="Demo MCP server",
                identifiers=(demo.mcp_resource,),
                scopes=SCOPES,
                secret=demo.mcp_secret,
            ),
        ),
        clients=(
            SeedClient(
                client_id=PUBLIC_CLIENT,
                client_name="Demo client",
                client_uri=demo.page,
                redirect_uris=(LOOPBACK_REDIRECT, demo.callback),
                grant_types=both,
                token_endpoint_auth_method="none",  # noqa: S106 - a method, no password
                application_type="native",
            ),
            SeedClient(
                client_id=SERVICE_CLIENT,
                client_name="Demo service",
                redirect_uris=(LOOPBACK_REDIRECT,),
                grant_types=("client_credentials", *both),
                client_secret=demo.service_secret,
                application_type="native",
            ),
        ),
        users=(SeedUser(username=USERNAME, name="Ana Ruiz", email="ana@example.com", password=PASSWORD),),
    )
