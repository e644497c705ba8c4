"""JWT access tokens (RFC 9068)."""

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import AccessTokenFormat, TokenKind, TokenProfile
from grantd.server.features.jwt_access_token.encode import build_jwt_format
from grantd.server.features.jwt_access_token.kind import build_recogniser
from grantd.server.pipeline.access_tokens import build_revoker

FEATURE = Feature(
    name="jwt_access_token",
    specification=Specification(
        title="JSON Web Token (JWT) Profile for OAuth 2.0 Access Tokens",
        number="RFC 9068",
        version="2021-10",
        status="standard",
        link="https://www.rfc-editor.org/rfc/rfc9068",
        prefixes=("JAT",),
    ),
    summary="Access tokens are typed, signed JWTs with an exact audience; ES256 unless the resource wants another.",
    contributions=(
        TokenProfile(
            name="access_token",
            typ="at+jwt",
            claim_names=frozenset(
                {"iss", "sub", "aud", "client_id", "scope", "iat", "exp", "jti", "auth_time", "acr", "amr"}
            ),
        ),
        AccessTokenFormat(name="jwt", build=build_jwt_format),
        TokenKind(name="access_token", build=build_recogniser, revoke=build_revoker),
    ),
)
