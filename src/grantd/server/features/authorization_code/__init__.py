"""The authorization code flow: authorization endpoint, code, redemption (OAuth 2.1 sections 3.1 and 4.1)."""

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import AuditEventTypes, Endpoint, GrantType, ResponseMode, ResponseType
from grantd.server.features.authorization_code.code import build_code_response
from grantd.server.features.authorization_code.endpoint import AuthorizationEndpoint
from grantd.server.features.authorization_code.redemption import Redemption
from grantd.server.features.authorization_code.response_mode import render_query

FEATURE = Feature(
    name="authorization_code",
    specification=Specification(
        title="The OAuth 2.1 Authorization Framework, authorization code grant",
        number="draft-ietf-oauth-v2-1",
        version="-15",
        status="standard",
        link="https://datatracker.ietf.org/doc/draft-ietf-oauth-v2-1/",
        prefixes=("OA21",),
    ),
    summary="A person signs in and decides; the client redeems a single-use code for tokens.",
    contributions=(
        Endpoint(
            name="authorization",
            path="/authorize",
            methods=frozenset({"GET", "POST"}),
            build=AuthorizationEndpoint,
            metadata_member="authorization_endpoint",
        ),
        ResponseType(name="code", build=build_code_response),
        ResponseMode(name="query", render=render_query),
        GrantType(name="authorization_code", build=Redemption),
        AuditEventTypes(
            types={
                "grant.created": "A person's decision became a grant.",
                "code.replayed": "A spent authorization code came again with valid proof; its grant was ended.",
            }
        ),
    ),
    requires=("pkce", "resource_indicators", "interaction_pages"),
)
