"""What all changes have in common."""

from typing import TYPE_CHECKING, Any

import msgspec

from grantd.server.clients.authentication import hash_secret
from grantd.server.clients.registration import given_secret, new_secret
from grantd.storage.records import AuditEvent, SecretHash

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_BOOKKEEPING = frozenset({"version", "created_at", "updated_at"})


class Change:
    """Who changes something at which issuer.

    Args:
        issuer: the issuer.
        actor: who, for the audit log, such as ``os:ana``.
    """

    def __init__(self, issuer: "Issuer", actor: str) -> None:
        self.issuer = issuer
        self.actor = actor

    @property
    def now(self) -> int:
        """Seconds since the Unix epoch."""
        return self.issuer.clock.now()

    def require_room(self) -> None:
        """Refuse to change what could not be recorded.

        Raises:
            TemporarilyUnavailableError: the audit log is full.
        """
        self.issuer.audit.require_room()

    def record(self, kind: str, /, *, client_id: str = "", subject: str = "", **details: object) -> None:
        """Write an audit event."""
        self.issuer.audit.record(
            AuditEvent(
                issuer=self.issuer.identifier,
                at=self.now,
                type=kind,
                actor=self.actor,
                client_id=client_id,
                subject=subject,
                details=details,
            )
        )


def changed_members(before: msgspec.Struct, after: msgspec.Struct) -> list[str]:
    """Return the names of the members in which two records differ, without versions and times."""
    return [
        name
        for name in before.__struct_fields__
        if name not in _BOOKKEEPING and getattr(before, name) != getattr(after, name)
    ]


def shown(record: msgspec.Struct) -> dict[str, Any]:
    """Return a record as plain values for people; of secrets only when they were made and when they end."""
    plain: dict[str, Any] = msgspec.to_builtins(record)
    if "secrets" in plain:
        for secret in plain["secrets"]:
            del secret["sha256"]
    if plain.pop("password_hash", None) is not None:
        plain["has_password"] = bool(getattr(record, "password_hash", ""))
    return plain


def fresh_secrets(
    kept: tuple[SecretHash, ...], now: int, *, overlap: int, label: str = ""
) -> tuple[str, tuple[SecretHash, ...]]:
    """Return a new secret and the credentials with it.

    Args:
        kept: the credentials so far.
        now: the time.
        overlap: seconds for which the former ones still work; 0 removes them at once.
        label: of the new one.
    """
    secret, added = new_secret(now, label=label)
    end = now + overlap
    former = tuple(
        msgspec.structs.replace(one, expires_at=min(end, one.expires_at or end))
        for one in kept
        if overlap and (one.expires_at is None or one.expires_at > now)
    )
    return secret, (*former, added)


def brought_secrets(kept: tuple[SecretHash, ...], secret: str, now: int) -> tuple[SecretHash, ...]:
    """Return credentials that are exactly ``secret``, keeping its record where it is known already.

    Raises:
        ValueError: it is too weak; the message says what would be right.
    """
    digest = hash_secret(secret)
    known = tuple(one for one in kept if one.sha256 == digest and one.expires_at is None)
    return known or (given_secret(secret, now),)
