"""What the endpoints that talk to browsers share: who is asking, error pages, forms that only we could have made."""

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from grantd.core.uris import is_loopback_host
from grantd.server.http.messages import Request, Response
from grantd.server.pipeline.interaction import Facts
from grantd.server.pipeline.pages import ClientView, ErrorKey
from grantd.storage.records import Client

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_LONGEST_USER_AGENT = 200


def facts_of(http: Request) -> Facts:
    """Return what the interaction may know about a message."""
    agent = http.header(b"user-agent") or b""
    return Facts(
        address=http.client_address,
        user_agent=agent[:_LONGEST_USER_AGENT].decode("latin-1"),
        correlation_id=http.correlation_id,
    )


def error_page(issuer: "Issuer", http: Request, key: ErrorKey, *, developer: str = "", status: int = 400) -> Response:
    """Return an error page of the issuer."""
    return issuer.pages.error(
        key, brand=issuer.brand, correlation_id=http.correlation_id, status=status, developer=developer
    )


def is_cross_site(issuer: "Issuer", http: Request) -> bool:
    """Return whether a browser says that a form came from elsewhere (fetch metadata, then ``Origin``)."""
    site = http.header(b"sec-fetch-site")
    if site is not None and site not in {b"same-origin", b"none"}:
        return True
    origin = http.header(b"origin")
    # "null" is what our own no-referrer pages send.
    return origin is not None and origin != b"null" and origin not in issuer.origins


class FormTokens:
    """The ``csrf`` input: a MAC over what the browser holds and what the form is about.

    Args:
        key: 32 bytes, derived per issuer.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, holder: str, purpose: str) -> str:
        """Return the token for a cookie's value and a purpose."""
        return hmac.new(self._key, f"{holder}\n{purpose}".encode(), hashlib.sha256).hexdigest()

    def check(self, token: str, holder: str, purpose: str) -> bool:
        """Return, in constant time, whether the token fits."""
        # Bytes, because text outside ASCII cannot be compared in constant time.
        return hmac.compare_digest(self.make(holder, purpose).encode(), token.encode())


def client_view(client: Client, redirect_uri: str) -> ClientView:
    """Return who is asking, as far as this server knows."""
    metadata = client.metadata
    website = urlsplit(metadata.client_uri).hostname or ""
    target = urlsplit(redirect_uri)
    standing = "registered"
    if metadata.first_party:
        standing = "first_party"
    elif client.origin != "registered":
        standing = "unverified"
    elif target.scheme == "http" and is_loopback_host(target.hostname or ""):
        standing = "loopback"
    return ClientView(
        name=metadata.client_name or client.client_id,
        host=target.hostname or website if target.scheme in {"http", "https"} else website,
        standing=standing,  # type: ignore[arg-type]  # one of the four literals above
        developer=", ".join(part for part in (metadata.client_uri, *metadata.contacts) if part),
        policy_uri=metadata.policy_uri,
        tos_uri=metadata.tos_uri,
    )
