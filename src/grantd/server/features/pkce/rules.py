"""The rules of PKCE, pure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from grantd.core.errors import InvalidGrantError, InvalidRequestError
from grantd.core.pkce import METHODS
from grantd.server.pipeline.model import AuthorizationDraft, TokenRequest
from grantd.storage.records import Grant

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

EVIDENCE = "pkce"


def check_challenge(draft: AuthorizationDraft) -> None:
    """Demand a challenge of every client and keep it for the redemption.

    Raises:
        InvalidRequestError: missing, malformed, or by a method that is not offered.
    """
    challenge = draft.parameters.get("code_challenge")
    if challenge is None:
        # OAuth 2.1 section 7.5.1: from confidential clients too.
        raise InvalidRequestError("code_challenge is missing; this server requires PKCE with S256 of every client")
    name = draft.parameters.get("code_challenge_method")
    if name is None:
        # Never a silent fall-back to plain, which older texts made the default.
        raise InvalidRequestError("code_challenge_method is missing; send S256")
    method = METHODS.get(name)
    if method is None:
        raise InvalidRequestError(f"code_challenge_method is not supported; use {' or '.join(METHODS)}")
    if not method.syntax.match(challenge):
        raise InvalidRequestError("code_challenge is malformed; it is the base64url hash of the verifier, unpadded")
    draft.request.evidence[EVIDENCE] = {"challenge": challenge, "method": name}


def check_verifier(request: TokenRequest, grant: Grant) -> None:
    """Demand the verifier of the challenge that the code was issued for.

    Raises:
        InvalidGrantError: missing or wrong verifier, or a code without challenge.
        InvalidRequestError: a verifier although no challenge was sent.
    """
    verifier = request.parameters.get("code_verifier")
    kept = grant.evidence.get(EVIDENCE)
    if kept is None:
        if verifier is not None:
            raise InvalidRequestError("code_verifier was sent, but the authorization request had no code_challenge")
        # OAuth 2.1 section 4.1.3: a code without challenge is worth nothing.
        raise InvalidGrantError("the code was issued without a code_challenge")
    if verifier is None:
        raise InvalidGrantError("code_verifier is missing")
    if not METHODS[kept["method"]].verify(verifier, kept["challenge"]):
        raise InvalidGrantError("code_verifier does not belong to the code_challenge of the authorization request")


def supported_methods(_issuer: "Issuer") -> Mapping[str, object]:
    """Return ``code_challenge_methods_supported``."""
    return {"code_challenge_methods_supported": list(METHODS)}
