"""Which grants get refresh tokens, and how long those live. Shared by every grant type that may hand one out."""

from typing import TYPE_CHECKING

from grantd.core.random import ordered_id
from grantd.server.pipeline.model import TokenRequest
from grantd.storage.records import Client, Grant, RefreshFamily

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_SHARED_SECRETS = frozenset({"client_secret_basic", "client_secret_post"})


def is_public(client: Client) -> bool:
    """Return whether a client counts as public.

    OAuth 2.1 section 8.1: a native app with a secret that all copies share is public whatever it sends.
    """
    metadata = client.metadata
    method = metadata.token_endpoint_auth_method
    return method == "none" or (metadata.application_type == "native" and method in _SHARED_SECRETS)


def may_refresh(issuer: "Issuer", client: Client) -> bool:
    """Return whether a client gets refresh tokens: its registration decides (OAuth 2.1 section 3.2.3).

    Where no feature takes refresh tokens, none is handed out.
    """
    metadata = client.metadata
    offered = "refresh_token" in issuer.registry.names
    return offered and metadata.refresh_tokens and "refresh_token" in metadata.grant_types


def refreshes(request: TokenRequest, grant: Grant) -> bool:
    """Return whether a grant gets a refresh token: it needs a person behind it."""
    return grant.user_id is not None and may_refresh(request.issuer, request.client)


def idle_lifetime(request: TokenRequest) -> int:
    """Return the seconds after which an unused refresh token is worth nothing (OAuth 2.1 section 4.3.3)."""
    lifetimes = request.issuer.settings.lifetimes
    return lifetimes.refresh_token_public_idle if is_public(request.client) else lifetimes.refresh_token_idle


def new_family(request: TokenRequest, grant: Grant) -> RefreshFamily:
    """Return the refresh token family of a grant, at its beginning.

    Its end is fixed here and no rotation moves it (OAuth 2.1 section 9).
    """
    lifetimes = request.issuer.settings.lifetimes
    now = request.now
    end = now + (lifetimes.refresh_token_public if is_public(request.client) else lifetimes.refresh_token)
    return RefreshFamily(
        issuer=grant.issuer,
        family_id=ordered_id(),
        grant_id=grant.grant_id,
        client_id=grant.client_id,
        rotated_at=now,
        idle_expires_at=min(end, now + idle_lifetime(request)),
        expires_at=end,
        created_at=now,
    )
