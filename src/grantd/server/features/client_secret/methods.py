"""Finding and verifying shared secrets."""

import hmac
from binascii import a2b_base64
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from grantd.server.clients.authentication import hash_secret
from grantd.server.extension.points import ClientAuthenticator, Credentials, Party
from grantd.server.http.forms import Parameters
from grantd.server.http.messages import Request

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_LONGEST_HEADER = 6_144
_DUMMY = bytes(32)


def find_basic(request: Request, _parameters: Parameters) -> tuple[Credentials, ...]:
    """Read ``Authorization: Basic``; both halves are form-encoded (OAuth 2.1 section 2.4.1).

    A header of that scheme that cannot be read still counts as an attempt: its credentials are empty.
    """
    found: list[Credentials] = []
    for name, header in request.headers:
        if name != b"authorization" or header.split(b" ", 1)[0].lower() != b"basic":
            continue
        try:
            text = ""
            if len(header) <= _LONGEST_HEADER:
                text = a2b_base64(header[6:].strip(), strict_mode=True).decode()
            raw_id, colon, raw_secret = text.partition(":")
            if not colon:
                raise ValueError(text)  # noqa: TRY301  # joins the other ways of being unreadable
            decoded = Credentials(client_id=_decode(raw_id), secret=_decode(raw_secret), raw=(raw_id, raw_secret))
        except ValueError:
            decoded = Credentials(client_id="", secret="", raw=("", ""))
        found.append(decoded)
    return tuple(found)


def _decode(half: str) -> str:
    return unquote_plus(half, errors="strict") if "%" in half or "+" in half else half


def find_post(_request: Request, parameters: Parameters) -> tuple[Credentials, ...]:
    """Read ``client_id`` and ``client_secret`` from the body."""
    secret = parameters.get("client_secret")
    if secret is None:
        return ()
    return (Credentials(client_id=parameters.get("client_id") or "", secret=secret),)


def build_secret_verifier(issuer: "Issuer") -> ClientAuthenticator:
    """Return the verifier of secrets: hashes, compared in constant time, expired ones ignored."""
    clock = issuer.clock

    async def verify(credentials: Credentials, party: Party, _request: Request) -> bool:
        presented = hash_secret(credentials.secret)
        matched = False
        now = clock.now()
        for kept in party.secrets:
            matches = hmac.compare_digest(kept.sha256, presented)
            matched |= matches and (kept.expires_at is None or kept.expires_at > now)
        if not matched and party.raw_basic and credentials.raw is not None:
            raw_id, raw_secret = credentials.raw
            matched = raw_id == party.identifier and any(
                hmac.compare_digest(kept.sha256, hash_secret(raw_secret))
                for kept in party.secrets
                if kept.expires_at is None or kept.expires_at > now
            )
        if not party.secrets:
            hmac.compare_digest(_DUMMY, presented)
        return matched and bool(credentials.secret)

    return verify
