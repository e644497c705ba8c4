"""Writing JWT access tokens."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from grantd.server.pipeline.model import AccessTokenIssuance

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


def build_jwt_format(issuer: "Issuer") -> Callable[[AccessTokenIssuance, dict[str, Any]], str]:
    """Return the encoder: ``typ`` ``at+jwt``, signed as the resource wants (RFC 9068 section 2.1)."""
    keys = issuer.keys

    def encode(issuance: AccessTokenIssuance, claims: dict[str, Any]) -> str:
        alg = issuance.plan.resource_server.access_token_signing_alg
        return keys.compact_signer("at+jwt", alg or None).sign(claims)

    return encode
