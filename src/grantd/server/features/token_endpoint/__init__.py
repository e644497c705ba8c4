"""The token endpoint (OAuth 2.1 section 3.2); what it grants are the grant types of other features."""

from typing import TYPE_CHECKING

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import Endpoint
from grantd.server.http.routes import Handler
from grantd.server.pipeline.token_endpoint import TokenEndpoint

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


def _build(issuer: "Issuer") -> Handler:
    return TokenEndpoint(issuer)


FEATURE = Feature(
    name="token_endpoint",
    specification=Specification(
        title="The OAuth 2.1 Authorization Framework, token endpoint",
        number="draft-ietf-oauth-v2-1",
        version="-15",
        status="standard",
        link="https://datatracker.ietf.org/doc/draft-ietf-oauth-v2-1/",
        prefixes=("OA21",),
    ),
    summary="Authenticates the client, verifies evidence, claims it once, and issues.",
    contributions=(
        Endpoint(
            name="token",
            path="/token",
            methods=frozenset({"POST"}),
            build=_build,
            cors="registered",
            metadata_member="token_endpoint",
            client_authentication=True,
        ),
    ),
)
