"""Reads our tokens with joserfc, a reader that was not written here, from nothing but what the server publishes."""

import warnings
from typing import Any

from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import KeySet
from tests.support.asgi import Answer
from tests.support.harness import Harbour

ALGORITHMS = ["ES256", "RS256", "EdDSA"]


async def metadata_of(h: Harbour) -> dict[str, Any]:
    """The published metadata, fetched."""
    answer = await h.agent().get(h.url("metadata"))
    assert answer.status == 200, answer.text
    document: dict[str, Any] = answer.json
    return document


async def published_keys(h: Harbour) -> KeySet:
    """The published key set, found by the metadata."""
    answer = await h.agent().get((await metadata_of(h))["jwks_uri"])
    assert answer.status == 200, answer.text
    return KeySet.import_key_set(answer.json)


async def read_jwt(h: Harbour, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Verify a JWT with the published keys; return its header and its claims."""
    keys = await published_keys(h)
    with warnings.catch_warnings():
        # RFC 9864 gives EdDSA with Ed25519 a name of its own; receivers know the old one.
        warnings.simplefilter("ignore", SecurityWarning)
        decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
    return decoded.header, decoded.claims


def assert_error(answer: Answer, code: str, status: int = 400) -> None:
    """The answer is that error, in the form of OAuth 2.1 section 3.2.4, and holds no token."""
    assert (answer.status, answer.json["error"]) == (status, code), answer.text
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "no-store"
    assert answer.json.keys() <= {"error", "error_description", "error_uri"}
