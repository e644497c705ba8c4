"""The audit events that exist. ``docs/audit.md`` is made from this list; names are a promise to auditors."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """One type of audit event.

    Args:
        name: ``subject.what_happened``.
        documentation: one sentence for auditors.
        details: members of ``details`` and what they say.
    """

    name: str
    documentation: str
    details: Mapping[str, str] = field(default_factory=dict)


_ALL: list[EventType] = []


def _event(name: str, documentation: str, **details: str) -> str:
    _ALL.append(EventType(name=name, documentation=documentation, details=details))
    return name


SIGN_IN_SUCCEEDED = _event(
    "sign_in.succeeded", "A user signed in.", methods="authentication methods (amr)", address="address of the client"
)
SIGN_IN_FAILED = _event(
    "sign_in.failed",
    "Somebody tried to sign in with a wrong password or unknown user name.",
    reason="why, in a few constant words",
    username="the name that was typed, cut to 256 characters",
    address="address of the client",
)
SIGN_IN_THROTTLED = _event(
    "sign_in.throttled", "A sign-in was refused because too many had failed.", address="address of the client"
)
SESSION_ENDED = _event("session.ended", "A sign-in session ended.", reason="sign_out, expired, replaced or admin")
GRANT_CREATED = _event(
    "grant.created",
    "A client received an authorization.",
    grant_id="the grant",
    grant_type="how it was asked for",
    scopes="granted scopes",
    resources="granted resources",
)
GRANT_ENDED = _event(
    "grant.ended",
    "An authorization ended, and with it every token that points to it.",
    grant_id="the grant",
    reason="why, in a few constant words",
)
CONSENT_GIVEN = _event(
    "consent.given",
    "A user allowed a client what it asked for, or a part of it.",
    scopes="allowed scopes",
    resources="allowed resources",
    remembered="whether the next request will not ask again",
)
CONSENT_DENIED = _event("consent.denied", "A user refused a client.", scopes="scopes that were asked for")
CONSENT_WITHDRAWN = _event("consent.withdrawn", "A remembered consent was taken back.")
CODE_REPLAYED = _event(
    "code.replayed", "An authorization code came a second time; its grant was ended.", grant_id="the grant"
)
REFRESH_REPLAYED = _event(
    "refresh.replayed",
    "A used refresh token came again; its family and grant were ended.",
    grant_id="the grant",
    family_id="the family",
    behind="how many rotations ago it was live",
)
TOKEN_REVOKED = _event(
    "token.revoked", "A client revoked a token.", grant_id="the grant", kind="access_token or refresh_token"
)
CLIENT_AUTHENTICATION_FAILED = _event(
    "client.authentication_failed",
    "A client could not prove who it is.",
    method="the method that it used",
    reason="why, in a few constant words",
    address="address of the client",
)
CLIENT_AUTHENTICATION_THROTTLED = _event(
    "client.throttled", "A client was refused because too many authentications had failed.", address="its address"
)
KEY_CREATED = _event(
    "key.created", "A signing key was made.", kid="the key", alg="its algorithm", activate_at="when it will sign"
)
KEY_ACTIVATED = _event("key.activated", "A signing key began to sign.", kid="the key", alg="its algorithm")
KEY_RETIRED = _event("key.retired", "A signing key signs no more, and is still published.", kid="the key")
KEY_REVOKED = _event(
    "key.revoked", "A signing key was withdrawn at once.", kid="the key", reason="as the operator said"
)
KEY_DELETED = _event("key.deleted", "A signing key left the key set.", kid="the key")
CLIENT_CREATED = _event("client.created", "A client was registered.", origin="how it came to be")
CLIENT_UPDATED = _event("client.updated", "A client was changed.", members="names of the members that changed")
CLIENT_DISABLED = _event("client.disabled", "A client was disabled.")
CLIENT_ENABLED = _event("client.enabled", "A client was enabled again.")
CLIENT_DELETED = _event("client.deleted", "A client was deleted.")
CLIENT_SECRET_ADDED = _event("client.secret_added", "A client received a new secret.", label="the secret's label")
CLIENT_SECRET_REMOVED = _event("client.secret_removed", "A secret of a client was removed.", label="the secret's label")
USER_CREATED = _event("user.created", "A user was added.", username="the user name")
USER_UPDATED = _event("user.updated", "A user was changed.", members="names of the members that changed")
USER_PASSWORD_CHANGED = _event("user.password_changed", "A user's password was set.")
USER_DISABLED = _event("user.disabled", "A user was disabled.")
USER_ENABLED = _event("user.enabled", "A user was enabled again.")
USER_DELETED = _event("user.deleted", "A user was deleted.")
RESOURCE_SERVER_CREATED = _event("resource_server.created", "A protected API was added.", identifiers="its identifiers")
RESOURCE_SERVER_UPDATED = _event(
    "resource_server.updated", "A protected API was changed.", members="names of the members that changed"
)
RESOURCE_SERVER_DELETED = _event("resource_server.deleted", "A protected API was deleted.")
SERVER_STARTED = _event("server.started", "A node began to serve this issuer.", version="version of grantd")
SERVER_STOPPED = _event("server.stopped", "A node stopped serving this issuer in good order.")

EVENT_TYPES: tuple[EventType, ...] = tuple(_ALL)
"""Every type of the core; features bring their own."""
