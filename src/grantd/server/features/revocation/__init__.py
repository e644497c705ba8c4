"""Token revocation (RFC 7009)."""

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import Endpoint
from grantd.server.features.revocation.endpoint import RevocationEndpoint

FEATURE = Feature(
    name="revocation",
    specification=Specification(
        title="OAuth 2.0 Token Revocation",
        number="RFC 7009",
        version="2013-08",
        status="standard",
        link="https://www.rfc-editor.org/rfc/rfc7009",
        prefixes=("REV",),
    ),
    summary="A client gives a token back; a refresh token takes its whole grant along, at once.",
    contributions=(
        Endpoint(
            name="revocation",
            path="/revoke",
            methods=frozenset({"POST"}),
            build=RevocationEndpoint,
            cors="registered",
            metadata_member="revocation_endpoint",
            client_authentication=True,
        ),
    ),
)
