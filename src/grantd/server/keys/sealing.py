"""Sealing at rest: AES-256-GCM under keys derived from one master key, and keys derived for other uses.

A sealed value is one octet of key version, 12 octets of nonce, ciphertext and tag. Each context has a key of its own
(HKDF-SHA256), so that the limit of random nonces (NIST SP 800-38D section 8.3) counts per context; context and version
are authenticated as well.
"""

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from grantd.jose.encoding import b64u_decode, b64u_encode
from grantd.server.settings.model import SecretSettings

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_MAX_VERSION = 255
_MAX_FILE_BYTES = 1_024
_NONE: Mapping[int, bytes] = MappingProxyType({})


class SealingKeyError(Exception):
    """The master key cannot be used; the message tells the operator what to change."""


class UnsealError(Exception):
    """A sealed value was made with another key or for another context, or was changed."""


class Sealer:
    """Seals and derives with a master key.

    Args:
        master: 32 random octets, used for everything new.
        version: number of ``master``, 1 to 255; grows by one with each new master key.
        older: former master keys by their numbers; they still open what they sealed.

    Raises:
        SealingKeyError: when a key has another length or a number is out of range or used twice.
    """

    def __init__(self, master: bytes, *, version: int = 1, older: Mapping[int, bytes] = _NONE) -> None:
        if version in older:
            raise SealingKeyError(f"two sealing keys have the version {version}")
        self.version = version
        self._masters = {version: master, **older}
        for number, key in self._masters.items():
            if len(key) != KEY_BYTES or not 1 <= number <= _MAX_VERSION:
                raise SealingKeyError(f"a sealing key has {KEY_BYTES} bytes and a version from 1 to {_MAX_VERSION}")

    @property
    def versions(self) -> tuple[int, ...]:
        """Numbers of all master keys, the newest use first."""
        return tuple(self._masters)

    def _expand(self, version: int, purpose: bytes, context: str, length: int) -> bytes:
        info = b"grantd " + purpose + b"\0" + context.encode("utf-8")
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(self._masters[version])

    def derive(self, context: str, length: int = KEY_BYTES, *, version: int | None = None) -> bytes:
        """Derive a key that is independent of all others (RFC 5869).

        Args:
            context: names the use and the issuer, for example ``refresh-token:https://login.example``.
            length: octets wanted.
            version: number of an older master key, to check what was made before a change; the newest when ``None``.

        Raises:
            KeyError: when there is no master key of that version.
        """
        return self._expand(self.version if version is None else version, b"derive", context, length)

    def seal(self, context: str, plaintext: bytes) -> bytes:
        """Encrypt ``plaintext`` so that only :meth:`open` with the same context reads it."""
        head = bytes([self.version])
        nonce = os.urandom(_NONCE_BYTES)
        cipher = AESGCM(self._expand(self.version, b"seal", context, KEY_BYTES))
        return head + nonce + cipher.encrypt(nonce, plaintext, head + context.encode("utf-8"))

    def open(self, context: str, sealed: bytes) -> bytes:
        """Decrypt what :meth:`seal` made.

        Raises:
            UnsealError: when key, context or content do not fit.
        """
        if len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES or sealed[0] not in self._masters:
            raise UnsealError("not a sealed value, or sealed with a master key that is not configured")
        head, nonce, rest = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        cipher = AESGCM(self._expand(sealed[0], b"seal", context, KEY_BYTES))
        try:
            return cipher.decrypt(nonce, rest, head + context.encode("utf-8"))
        except InvalidTag:
            raise UnsealError("sealed with another key or for another context, or changed since") from None


def _parse(text: str, source: str) -> Sealer:
    masters: list[bytes] = []
    for word in text.split():
        try:
            key = b64u_decode(word.removesuffix("=").encode("ascii"))
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise SealingKeyError(
                f"{source} does not hold {KEY_BYTES} bytes as base64url (43 characters of A-Z a-z 0-9 - _)"
            )
        masters.append(key)
    if not masters:
        raise SealingKeyError(f"{source} is empty; it needs {KEY_BYTES} random bytes as base64url")
    newest = len(masters)
    return Sealer(masters[0], version=newest, older={newest - n: key for n, key in enumerate(masters) if n})


def _require_private_file(path: Path, status: os.stat_result) -> None:
    mode, user = stat.S_IMODE(status.st_mode), os.geteuid()
    if not stat.S_ISREG(status.st_mode):
        raise SealingKeyError(f"secrets.sealing_key_file: {path} is not a regular file")
    if status.st_uid != user:
        raise SealingKeyError(
            f"secrets.sealing_key_file: {path} belongs to user id {status.st_uid}, this process runs as {user}; "
            f"run: chown {user} {path}"
        )
    if mode & ~0o600:
        raise SealingKeyError(
            f"secrets.sealing_key_file: {path} has mode {mode:04o}, others may use it; run: chmod 600 {path}"
        )


def _read(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise SealingKeyError(f"secrets.sealing_key_file: cannot read {path}: {error.strerror}") from None
    try:
        # Looked at through the open file, so that nobody can exchange it in between.
        _require_private_file(path, os.fstat(descriptor))
        content = os.read(descriptor, _MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > _MAX_FILE_BYTES:
        raise SealingKeyError(f"secrets.sealing_key_file: {path} has more than {_MAX_FILE_BYTES} bytes")
    return content.decode("latin-1")


def load_sealer(settings: SecretSettings) -> Sealer:
    """Make the sealer from ``secrets.sealing_key`` or, when that is empty, from ``secrets.sealing_key_file``.

    Either holds one key, or several separated by white space, the newest first: to change the master key put a new one
    in front and keep the old ones until everything was sealed anew.

    Raises:
        SealingKeyError: when there is none, or it is malformed, or the file is not a regular file of ours with mode
            0600 or stricter.
    """
    if settings.sealing_key:
        return _parse(settings.sealing_key, "secrets.sealing_key")
    if settings.sealing_key_file:
        path = Path(settings.sealing_key_file)
        return _parse(_read(path), f"secrets.sealing_key_file: {path}")
    raise SealingKeyError("set secrets.sealing_key_file to a file of mode 0600 (or secrets.sealing_key)")


def create_sealing_key_file(path: str | Path) -> None:
    """Write a new random master key to a file that must not exist yet, with mode 0600, durably.

    Raises:
        FileExistsError: when there is something at ``path``; a master key is never overwritten.
        OSError: when the file cannot be written.
    """
    target = Path(path)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(b64u_encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(descriptor)
    except OSError:
        target.unlink()
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # The name must survive a power loss as well: what it seals will.
        os.fsync(folder)
    finally:
        os.close(folder)
