"""Where a decision may serve the next request too."""

from urllib.parse import urlsplit

from grantd.server.pipeline.refresh import is_public
from grantd.storage.records import Client


def may_remember(client: Client, redirect_uri: str) -> bool:
    """Return whether a decision may serve the next request too (OAuth 2.1 section 7.3.1).

    Only where the next request is known to come from the same client: it authenticates, or it is the operator's own
    at an https address.
    """
    if not is_public(client):
        return True
    return client.metadata.first_party and urlsplit(redirect_uri).scheme == "https"
