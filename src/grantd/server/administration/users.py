"""People."""

from typing import Literal

from msgspec.structs import replace

from grantd.core.random import random_id
from grantd.server.accounts.passwords import PasswordPolicyError
from grantd.server.administration.change import Change, changed_members
from grantd.server.administration.refusals import MEANWHILE, ConflictError, NotFoundError, RefusedError
from grantd.storage.port import DuplicateError
from grantd.storage.records import User

_PAGE = 200
_LONGEST = 255
_SECRET_MEMBERS = frozenset({"password_hash", "status"})


class UserAdministration(Change):
    """Adds, changes and removes users of one issuer."""

    async def get(self, username: str) -> User:
        """Return a user by user name.

        Raises:
            NotFoundError: there is none.
        """
        user = await self.issuer.store.find_user_by_name(self.issuer.identifier, username)
        if user is None:
            raise NotFoundError(f"{self.issuer.identifier} has no user {username!r}")
        return user

    async def all(self) -> tuple[User, ...]:
        """Return all users, ordered by ``user_id``."""
        found: list[User] = []
        while True:
            after = found[-1].user_id if found else ""
            page = await self.issuer.store.list_users(self.issuer.identifier, after=after, limit=_PAGE)
            found += page
            if len(page) < _PAGE:
                return tuple(found)

    async def add(self, user: User) -> User:
        """Add a user.

        Args:
            user: without ``user_id`` one is made; version and times are set here.

        Raises:
            RefusedError: it may not be so.
            ConflictError: the user name is taken.
        """
        self.require_room()
        problems = check_user(user)
        if problems:
            raise RefusedError(problems)
        user = replace(user, user_id=user.user_id or random_id(), version=1, created_at=self.now, updated_at=self.now)
        await self._put(user, f"there is a user {user.username!r} already")
        self.record("user.created", subject=user.user_id, username=user.username)
        return user

    async def save(self, before: User, after: User) -> User:
        """Write a changed user and record what changed; whoever is disabled or gets a password loses the sessions.

        Raises:
            RefusedError: it may not be so.
            ConflictError: somebody was first, or the user name is taken.
        """
        self.require_room()
        problems = check_user(after)
        if problems:
            raise RefusedError(problems)
        after = replace(after, version=before.version + 1, updated_at=self.now)
        await self._put(after, f"user {after.username!r}: {MEANWHILE}")
        subject = after.user_id
        members = changed_members(before, after)
        others = [name for name in members if name not in _SECRET_MEMBERS]
        if others:
            self.record("user.updated", subject=subject, members=others)
        if "password_hash" in members:
            self.record("user.password_changed", subject=subject)
            await self.end_sessions(subject)
        if "status" in members:
            self.record("user.disabled" if after.status == "disabled" else "user.enabled", subject=subject)
            if after.status == "disabled":
                await self.end_sessions(subject)
                await self.issuer.cascade.end("user", subject, reason="user_disabled", actor=self.actor)
        return after

    async def _put(self, user: User, otherwise: str) -> None:
        try:
            done = await self.issuer.store.put_user(user)
        except DuplicateError as error:
            raise ConflictError(f"there is a user {user.username!r} already") from error
        if not done:
            raise ConflictError(otherwise)

    async def end_sessions(self, user_id: str) -> int:
        """End all sessions of a user; return how many."""
        ended = await self.issuer.store.end_sessions(self.issuer.identifier, user_id)
        for _ in range(ended):
            self.record("session.ended", subject=user_id, reason="admin")
        return ended

    async def hash_password(self, password: str) -> str:
        """Return the hash of a new password.

        Raises:
            RefusedError: the password cannot be accepted.
        """
        try:
            return await self.issuer.passwords.hash(password)
        except PasswordPolicyError as error:
            raise RefusedError([f"password: {error}"]) from error

    async def set_password(self, username: str, password: str) -> None:
        """Set a user's password; the user's sessions end.

        Raises:
            NotFoundError: there is no such user.
            RefusedError: the password cannot be accepted.
            ConflictError: somebody was first.
        """
        user = await self.get(username)
        await self.save(user, replace(user, password_hash=await self.hash_password(password)))

    async def set_status(self, username: str, status: Literal["active", "disabled"]) -> bool:
        """Disable or enable a user; return whether that changed anything.

        Raises:
            NotFoundError: there is no such user.
            ConflictError: somebody was first.
        """
        user = await self.get(username)
        if user.status == status:
            return False
        await self.save(user, replace(user, status=status))
        return True

    async def delete(self, username: str) -> int:
        """Delete a user with sessions, consents and grants; return how many grants ended.

        Raises:
            NotFoundError: there is no such user.
            ConflictError: somebody was first.
        """
        # Disabled first, so that nobody signs in between ending the grants and deleting the user.
        await self.set_status(username, "disabled")
        user = await self.get(username)
        ended = await self.issuer.cascade.end("user", user.user_id, reason="user_deleted", actor=self.actor)
        if await self.issuer.store.delete_user(self.issuer.identifier, user.user_id):
            self.record("user.deleted", subject=user.user_id)
        return len(ended)


def check_user(user: User) -> list[str]:
    """Return what is wrong with a user, one sentence each."""
    problems = []
    if not user.username.strip() or user.username != user.username.strip():
        problems.append("username: is empty or has spaces around it")
    for name in ("username", "name", "email"):
        value = getattr(user, name)
        if len(value) > _LONGEST or (value and not value.isprintable()):
            problems.append(f"{name}: use at most {_LONGEST} printable characters")
    local, at, host = user.email.rpartition("@")
    if user.email and not (at and local and host and " " not in user.email):
        problems.append(f"email: {user.email[:60]!r} is no address; write it like ana@example.com")
    return problems
