import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwe
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from grantd.jose import CompactSigner, SigningKey, decode
from grantd.jose.encryption import CONTENT_ENCRYPTIONS, choose_encryption_key, encrypt
from grantd.jose.errors import EncryptionError, KeyFormatError
from grantd.jose.jwk import public_jwk

RSA = RSAKey.generate_key(2048)
EC = ECKey.generate_key("P-256")
X25519 = OKPKey.generate_key("X25519")
WEAK_RSA = public_jwk(rsa.generate_private_key(65537, 1024).public_key())  # noqa: S505 - weak on purpose, to be refused
TOKEN = CompactSigner(SigningKey.generate("ES256"), typ="token-introspection+jwt").sign({"iss": "x"})


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RSA-OAEP-256"), (EC, "ECDH-ES"), (EC, "ECDH-ES+A256KW"), (X25519, "ECDH-ES")])  # fmt: skip
@pytest.mark.parametrize("enc", sorted(CONTENT_ENCRYPTIONS))
def test_the_receiver_reads_the_nested_token(key: Key, alg: str, enc: str) -> None:
    sealed = encrypt(TOKEN, {**key.as_dict(private=False), "kid": "r"}, alg=alg, enc=enc)
    opened = jwe.decrypt_compact(sealed, key, algorithms=[alg, enc])
    assert opened.plaintext is not None
    assert opened.plaintext.decode() == TOKEN
    header = opened.headers()
    assert (header["alg"], header["enc"], header["cty"], header["kid"]) == (alg, enc, "JWT", "r")
    assert decode(opened.plaintext.decode()).claims == {"iss": "x"}


@pytest.mark.parametrize(
    ("jwk", "alg", "enc"),
    [
        (RSA.as_dict(private=False), "RSA1_5", "A256GCM"),
        (RSA.as_dict(private=False), "RSA-OAEP", "A256GCM"),
        (RSA.as_dict(private=False), "RSA-OAEP-256", "A192GCM"),
        (RSA.as_dict(private=False), "dir", "A256GCM"),
        (RSA.as_dict(private=False), "ECDH-ES", "A256GCM"),
        (EC.as_dict(private=False), "RSA-OAEP-256", "A256GCM"),
        ({**EC.as_dict(private=False), "use": "sig"}, "ECDH-ES", "A256GCM"),
        ({**EC.as_dict(private=False), "alg": "ECDH-ES+A256KW"}, "ECDH-ES", "A256GCM"),
        ({**EC.as_dict(private=False), "x": "AA"}, "ECDH-ES", "A256GCM"),
        ({"kty": "EC", "crv": "P-256"}, "ECDH-ES", "A256GCM"),
        (EC.as_dict(private=True), "ECDH-ES", "A256GCM"),
        ({"kty": "oct", "k": "AAAA"}, "dir", "A256GCM"),
        (WEAK_RSA, "RSA-OAEP-256", "A256GCM"),
    ],
)
def test_what_is_refused(jwk: dict[str, object], alg: str, enc: str) -> None:
    with pytest.raises(EncryptionError):
        encrypt(TOKEN, jwk, alg=alg, enc=enc)


def test_the_key_marked_for_encryption_is_chosen() -> None:
    plain, marked, signing = ({**ECKey.generate_key("P-256").as_dict(private=False), "kid": kid} for kid in "pms")
    keys = {"keys": [{**signing, "use": "sig"}, plain, {**marked, "use": "enc"}]}
    assert choose_encryption_key(keys, "ECDH-ES")["kid"] == "m"
    assert choose_encryption_key({"keys": [plain]}, "ECDH-ES")["kid"] == "p"
    for alg in ("RSA-OAEP-256", "RSA1_5"):
        with pytest.raises(EncryptionError):
            choose_encryption_key(keys, alg)
    with pytest.raises(KeyFormatError):
        choose_encryption_key(b"{}", "ECDH-ES")
