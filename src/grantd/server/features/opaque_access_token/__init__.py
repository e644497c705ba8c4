"""Opaque access tokens: sealed, so that nobody but this server reads them (OAuth 2.1 section 7.1.1)."""

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import AccessTokenFormat, TokenKind
from grantd.server.features.opaque_access_token.sealed import build_opaque_format, build_recogniser
from grantd.server.pipeline.access_tokens import build_revoker

FEATURE = Feature(
    name="opaque_access_token",
    specification=Specification(
        title="The OAuth 2.1 Authorization Framework, tokens that the client cannot read",
        number="draft-ietf-oauth-v2-1",
        version="-15",
        status="standard",
        link="https://datatracker.ietf.org/doc/draft-ietf-oauth-v2-1/",
        prefixes=("OA21",),
    ),
    summary="A resource may ask for tokens that say nothing to their holder; it learns their content by introspection.",
    contributions=(
        AccessTokenFormat(name="opaque", build=build_opaque_format),
        TokenKind(name="opaque_access_token", build=build_recogniser, revoke=build_revoker),
    ),
    requires=("jwt_access_token",),
)
