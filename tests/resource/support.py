"""An issuer that signs access tokens, for the resource-server tests."""

import json
from collections.abc import Mapping

from grantd.core.clock import ManualClock
from grantd.jose import CompactSigner, SigningKey
from grantd.resource import AccessTokenVerifier, StaticKeys

ISSUER = "https://login.harbour.example"
API = "https://tides.harbour.example/api"
NOW = 1_773_640_800
KEY = SigningKey.generate("ES256", kid="k1")
CLAIMS: dict[str, object] = {
    "iss": ISSUER,
    "sub": "u-1",
    "aud": API,
    "client_id": "fleet-web-7",
    "scope": "tides.read tides.write",
    "iat": NOW,
    "exp": NOW + 300,
    "jti": "at-1",
}


def jwks(*keys: SigningKey) -> bytes:
    return json.dumps({"keys": [dict(key.public_jwk) for key in keys]}).encode()


def token_with(changes: Mapping[str, object], key: SigningKey = KEY, typ: str = "at+jwt") -> str:
    """Sign the usual claims with changes; ``None`` takes a claim out."""
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return CompactSigner(key, typ=typ).sign(claims)


def token(key: SigningKey = KEY, typ: str = "at+jwt", **changes: object) -> str:
    return token_with(changes, key, typ)


def verifier(clock: ManualClock | None = None) -> AccessTokenVerifier:
    return AccessTokenVerifier(ISSUER, API, StaticKeys(jwks(KEY)), leeway=0, clock=clock or ManualClock(NOW))
