"""Signed (and encrypted) introspection answers (RFC 9701)."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from grantd.core.specification import Specification
from grantd.jose.encryption import CONTENT_ENCRYPTIONS, ENCRYPTION_ALGORITHMS, choose_encryption_key, encrypt
from grantd.server.extension import Feature
from grantd.server.extension.points import Metadata, TokenProfile
from grantd.server.features.introspection.points import Caller, IntrospectionFormat

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

MEDIA_TYPE = "application/token-introspection+jwt"
PROFILE = "token_introspection"


def build_signed_format(issuer: "Issuer") -> Callable[[Caller, dict[str, Any]], bytes]:
    """Return the writer of signed answers."""

    def write(caller: Caller, members: dict[str, Any]) -> bytes:
        server = caller.resource_server
        wanted = server.introspection_signed_response_alg if server is not None else ""
        signing_alg = wanted if wanted in issuer.keys.algorithms else ""
        # RFC 9701 section 5: the token's own members stay inside, so that nobody takes the answer for a token.
        claims = {
            "iss": issuer.identifier,
            "aud": caller.identifier,
            "iat": issuer.clock.now(),
            "token_introspection": members,
        }
        signed = issuer.minter.mint(PROFILE, claims, alg=signing_alg)
        if server is not None and server.introspection_encrypted_response_alg:
            # RFC 9701 section 6: sign, then encrypt.
            alg = server.introspection_encrypted_response_alg
            signed = encrypt(
                signed,
                choose_encryption_key(server.jwks or {}, alg),
                alg=alg,
                enc=server.introspection_encrypted_response_enc or "A128CBC-HS256",
            )
        return signed.encode()

    return write


def _members(issuer: "Issuer") -> Mapping[str, object]:
    return {
        "introspection_signing_alg_values_supported": list(issuer.settings.keys.algorithms),
        "introspection_encryption_alg_values_supported": sorted(ENCRYPTION_ALGORITHMS),
        "introspection_encryption_enc_values_supported": sorted(CONTENT_ENCRYPTIONS),
    }


FEATURE = Feature(
    name="jwt_introspection_response",
    specification=Specification(
        title="JSON Web Token (JWT) Response for OAuth Token Introspection",
        number="RFC 9701",
        version="2025-01",
        status="standard",
        link="https://www.rfc-editor.org/rfc/rfc9701",
        prefixes=("INTR",),
    ),
    summary="A resource server that keeps evidence gets the introspection answer signed, and encrypted if it wishes.",
    contributions=(
        TokenProfile(
            name=PROFILE,
            typ="token-introspection+jwt",
            claim_names=frozenset({"iss", "aud", "iat", "token_introspection"}),
            bindable=False,
        ),
        IntrospectionFormat(media_type=MEDIA_TYPE, build=build_signed_format),
        Metadata(
            names=frozenset(
                {
                    "introspection_signing_alg_values_supported",
                    "introspection_encryption_alg_values_supported",
                    "introspection_encryption_enc_values_supported",
                }
            ),
            members=_members,
        ),
    ),
    requires=("introspection",),
)
