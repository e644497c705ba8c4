"""Token introspection (RFC 7662)."""

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import Endpoint
from grantd.server.features.introspection.endpoint import IntrospectionEndpoint

FEATURE = Feature(
    name="introspection",
    specification=Specification(
        title="OAuth 2.0 Token Introspection",
        number="RFC 7662",
        version="2015-10",
        status="standard",
        link="https://www.rfc-editor.org/rfc/rfc7662",
        prefixes=("INTR",),
    ),
    summary="A resource server asks whether a token that it received lives, and what it may know of it.",
    contributions=(
        Endpoint(
            name="introspection",
            path="/introspect",
            methods=frozenset({"POST"}),
            build=IntrospectionEndpoint,
            metadata_member="introspection_endpoint",
            client_authentication=True,
        ),
    ),
)
