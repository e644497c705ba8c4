"""Refresh tokens: rotation with replay detection (OAuth 2.1 section 4.3)."""

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import AuditEventTypes, GrantType, TokenKind
from grantd.server.features.refresh_token.kind import build_recogniser, build_revoker
from grantd.server.features.refresh_token.rotation import Rotation

FEATURE = Feature(
    name="refresh_token",
    specification=Specification(
        title="The OAuth 2.1 Authorization Framework, refresh token grant",
        number="draft-ietf-oauth-v2-1",
        version="-15",
        status="standard",
        link="https://datatracker.ietf.org/doc/draft-ietf-oauth-v2-1/",
        prefixes=("OA21",),
    ),
    summary="Each use gives a successor; a token that comes back after its successor was used ends the whole family.",
    contributions=(
        GrantType(name="refresh_token", build=Rotation),
        TokenKind(name="refresh_token", build=build_recogniser, revoke=build_revoker),
        AuditEventTypes(
            types={"refresh.replayed": "A refresh token came back after its successor; family and grant were ended."}
        ),
    ),
)
