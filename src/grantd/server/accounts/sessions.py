"""Sign-in sessions and the cookies that carry them.

A session is bound to its user agent by a cookie whose value only that user agent has; the store keeps the hash.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd.server.http.messages import Request
from grantd.server.pipeline.model import Authentication, InteractionContext
from grantd.storage.records import AuditEvent, Session, SessionView

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_VALUE_CHARACTERS = 43
_TOUCH_SECONDS = 300
_LONGEST_USER_AGENT = 200


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that was just opened, with the value of its cookie."""

    session: Session
    cookie_value: str


class Cookies:
    """The cookies of one issuer.

    On https the names have the ``__Host-`` prefix, so that no other host and no other path can set them; issuers that
    share a host have different names.

    Args:
        issuer: issuer identifier.
        secure: whether the issuer is https.
    """

    def __init__(self, issuer: str, *, secure: bool) -> None:
        tag = hashlib.sha256(issuer.encode()).hexdigest()[:8]
        prefix = "__Host-" if secure else ""
        self.session = f"{prefix}grantd-session-{tag}"
        self.user_agent = f"{prefix}grantd-browser-{tag}"
        self._attributes = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")

    def set(self, name: str, value: str, *, max_age: int | None = None) -> tuple[bytes, bytes]:
        """Return a ``Set-Cookie`` header; without ``max_age`` (seconds) the cookie ends with the browser."""
        lifetime = "" if max_age is None else f"; Max-Age={max_age}"
        return b"set-cookie", f"{name}={value}{self._attributes}{lifetime}".encode()

    def clear(self, name: str) -> tuple[bytes, bytes]:
        """Return the header that removes a cookie."""
        return self.set(name, "", max_age=0)


def hashed(value: str) -> bytes:
    """Return what the store keeps of a cookie's value."""
    return hashlib.sha256(value.encode()).digest()


def session_id_of(issuer: "Issuer", request: Request) -> bytes | None:
    """Return the hashed identifier of the session that a request names, whether or not it lives."""
    value = request.cookie(issuer.cookies.session)
    if value is None or len(value) != _VALUE_CHARACTERS:
        return None
    return hashed(value)


async def find_session(issuer: "Issuer", request: Request, client_id: str) -> SessionView | None:
    """Return the live session of a request's user agent, with the consent for one client."""
    session_id = session_id_of(issuer, request)
    if session_id is None:
        return None
    now = issuer.clock.now()
    view = await issuer.store.find_session(issuer.identifier, session_id, client_id, now=now)
    if view is None:
        return None
    session = view.session
    if now - session.last_seen_at >= _TOUCH_SECONDS:
        settings = issuer.settings.sessions
        # Use moves the idle end, never the absolute one.
        expires_at = min(session.created_at + settings.lifetime, now + settings.idle)
        await issuer.store.touch_session(issuer.identifier, session_id, now=now, expires_at=expires_at)
    return view


async def open_session(
    issuer: "Issuer", authentication: Authentication, context: InteractionContext, *, replacing: bytes | None
) -> NewSession:
    """Open a session for somebody who just signed in; ``replacing`` ends in the same transaction."""
    value = secrets.token_urlsafe(32)
    now = context.now
    settings = issuer.settings.sessions
    session = Session(
        issuer=issuer.identifier,
        session_id=hashed(value),
        user_id=authentication.user.user_id,
        auth_time=now,
        acr=authentication.acr,
        amr=authentication.amr,
        user_agent=context.user_agent[:_LONGEST_USER_AGENT],
        created_at=now,
        last_seen_at=now,
        expires_at=now + min(settings.lifetime, settings.idle),
    )
    await issuer.store.insert_session(session, replacing=replacing)
    issuer.audit.record(
        AuditEvent(
            issuer=issuer.identifier,
            at=now,
            type="sign_in.succeeded",
            actor=authentication.user.user_id,
            subject=authentication.user.user_id,
            client_id=context.client.client_id,
            correlation_id=context.correlation_id,
            details={"amr": list(authentication.amr), "acr": authentication.acr, "address": context.address},
        )
    )
    return NewSession(session, value)
