"""Signing keys of the issuers: sealed at rest, published before use, rotated, retired, revoked."""

from grantd.server.keys.keyring import KeyRing, NoSigningKeyError
from grantd.server.keys.lifecycle import KeyLifecycle, KeyStore
from grantd.server.keys.sealing import Sealer, SealingKeyError, UnsealError, create_sealing_key_file, load_sealer

__all__ = [
    "KeyLifecycle",
    "KeyRing",
    "KeyStore",
    "NoSigningKeyError",
    "Sealer",
    "SealingKeyError",
    "UnsealError",
    "create_sealing_key_file",
    "load_sealer",
]
