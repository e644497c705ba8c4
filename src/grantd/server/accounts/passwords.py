"""Passwords: prepared, hashed with argon2id in a pool of their own, never kept.

RFC 9106 describes argon2; RFC 8265 section 4.2 how to prepare a password. What this server generates itself is kept
as SHA-256 instead: it has nothing to guess.
"""

import asyncio
import threading
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import urandom
from typing import TYPE_CHECKING, TypeVar

from grantd.core.errors import TemporarilyUnavailableError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_PASSWORD_LENGTH = 8
"""Shortest new password in characters (NIST SP 800-63B section 5.1.1.2)."""
MAX_PASSWORD_LENGTH = 1_024
"""Longest password in characters, before and after preparation."""

_RETRY_SECONDS = 2
_T = TypeVar("_T")


class PasswordPolicyError(ValueError):
    """A new password cannot be accepted; the message says why, in words for the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordParameters:
    """Costs of argon2id; the defaults are the second recommendation of RFC 9106 section 4.

    Args:
        time_cost: passes over the memory.
        memory_kib: memory of one hash in KiB.
        parallelism: lanes.
    """

    time_cost: int = 3
    memory_kib: int = 65_536
    parallelism: int = 4


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """Outcome of a verification.

    Args:
        ok: whether the password is right.
        rehash: a new encoded hash to store, when the stored one has other parameters than today's.
    """

    ok: bool
    rehash: str | None = None


def prepare_password(password: str) -> str | None:
    """Bring a typed password into the form that is hashed (RFC 8265 section 4.2.2).

    Args:
        password: what the person typed, any text.

    Returns:
        The password with every space mapped to U+0020 and in NFC; ``None`` when no stored password can have that
        form: empty, longer than ``MAX_PASSWORD_LENGTH``, or not encodable.
    """
    if not 0 < len(password) <= MAX_PASSWORD_LENGTH:
        return None
    if password.isascii():
        return password
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in password)
    prepared = unicodedata.normalize("NFC", spaced)
    try:
        prepared.encode("utf-8")
    except UnicodeEncodeError:
        return None
    return prepared if len(prepared) <= MAX_PASSWORD_LENGTH else None


def prepare_new_password(password: str) -> str:
    """Check and prepare a password that somebody wants to set.

    Args:
        password: what the person typed, any text.

    Returns:
        The prepared password.

    Raises:
        PasswordPolicyError: it is too short, too long, or has characters that cannot be typed.
    """
    if len(password) > MAX_PASSWORD_LENGTH:
        raise PasswordPolicyError(f"The password has more than {MAX_PASSWORD_LENGTH} characters; use fewer.")
    # RFC 8264 section 4.3: control characters do not belong to the FreeformClass.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in password):
        raise PasswordPolicyError("The password has control characters, such as a tab; use letters, digits and signs.")
    prepared = prepare_password(password) if password else ""
    if prepared is None:
        raise PasswordPolicyError(f"The password has more than {MAX_PASSWORD_LENGTH} characters; use fewer.")
    if len(prepared) < MIN_PASSWORD_LENGTH:
        raise PasswordPolicyError(f"The password has fewer than {MIN_PASSWORD_LENGTH} characters; use a longer one.")
    return prepared


class PasswordHasherPool:
    """Hashes and verifies in a few threads, so that guessing can fill neither memory nor the event loop.

    Args:
        workers: hashes at one time; memory is at most ``workers`` times ``parameters.memory_kib``.
        queue_limit: hashes that may wait beside those; more are answered 503.
        parameters: costs of new hashes.
    """

    def __init__(
        self, *, workers: int = 2, queue_limit: int = 32, parameters: PasswordParameters | None = None
    ) -> None:
        self._parameters = parameters or PasswordParameters()
        self._limit = workers + queue_limit
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="password")
        self._lock = threading.Lock()
        self._pending = 0
        self._hasher: PasswordHasher | None = None
        self._dummy = _dummy_hash(self._parameters)

    @property
    def pending(self) -> int:
        """Hashes that run or wait."""
        return self._pending

    async def hash(self, password: str) -> str:
        """Hash a new password.

        Args:
            password: what the person typed.

        Returns:
            The encoded argon2id hash, with its parameters and salt.

        Raises:
            PasswordPolicyError: the password cannot be accepted.
            TemporarilyUnavailableError: the pool is full; carries ``Retry-After``.
        """
        prepared = prepare_new_password(password)
        return await self._run(lambda: self._argon2().hash(prepared))

    async def verify(self, encoded: str, password: str) -> VerifyResult:
        """Compare a typed password with a stored hash.

        Args:
            encoded: the stored hash; empty when the person has no password.
            password: what the person typed.

        Returns:
            The outcome; a wrong password, an impossible one and a broken hash all take one hash's time.

        Raises:
            TemporarilyUnavailableError: the pool is full; carries ``Retry-After``.
        """
        prepared = prepare_password(password)
        if prepared is None or not encoded:
            return await self.verify_unknown(password)
        return await self._run(lambda: self._verify(encoded, prepared))

    async def verify_unknown(self, password: str) -> VerifyResult:
        """Spend a verification's time for a user that does not exist; never succeeds.

        Args:
            password: what the person typed.

        Raises:
            TemporarilyUnavailableError: the pool is full; carries ``Retry-After``.
        """
        prepared = prepare_password(password) or "?"
        await self._run(lambda: self._matches(self._dummy, prepared))
        return VerifyResult(ok=False)

    def close(self) -> None:
        """Let running hashes finish, drop waiting ones, end the threads."""
        self._executor.shutdown(cancel_futures=True)

    def _verify(self, encoded: str, prepared: str) -> VerifyResult:
        hasher = self._argon2()
        matches = self._matches(encoded, prepared)
        if matches is None:
            self._matches(self._dummy, prepared)
        if not matches:
            return VerifyResult(ok=False)
        return VerifyResult(ok=True, rehash=hasher.hash(prepared) if hasher.check_needs_rehash(encoded) else None)

    def _matches(self, encoded: str, prepared: str) -> bool | None:
        """Whether the password fits; ``None`` for a hash that cannot be read."""
        from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError  # noqa: PLC0415 - late

        try:
            return self._argon2().verify(encoded, prepared)
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError):
            return None

    def _argon2(self) -> "PasswordHasher":
        if self._hasher is None:
            from argon2 import PasswordHasher  # noqa: PLC0415 - 30 ms that only a first sign-in needs

            self._hasher = PasswordHasher(
                time_cost=self._parameters.time_cost,
                memory_cost=self._parameters.memory_kib,
                parallelism=self._parameters.parallelism,
            )
        return self._hasher

    async def _run(self, job: Callable[[], _T]) -> _T:
        with self._lock:
            full = self._pending >= self._limit
            if not full:
                self._pending += 1
        if full:
            error = TemporarilyUnavailableError("too many sign-ins at once; try again in a moment")
            error.headers.append((b"retry-after", b"%d" % _RETRY_SECONDS))
            raise error
        future = self._executor.submit(job)
        future.add_done_callback(self._done)
        return await asyncio.wrap_future(future)

    def _done(self, _: Future[_T]) -> None:
        with self._lock:
            self._pending -= 1


def _dummy_hash(parameters: PasswordParameters) -> str:
    # A hash that nothing produced: verifying against it costs the same and cannot succeed.
    salt, digest = (b64encode(urandom(size)).rstrip(b"=").decode("ascii") for size in (16, 32))
    costs = f"m={parameters.memory_kib},t={parameters.time_cost},p={parameters.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"
