"""Why a key or a token was turned away. Messages never hold a part of the token or of a key.

The tree::

    JoseError
    ├── KeyFormatError                 a JWK or key set that is malformed, too weak or of no supported kind
    │   └── ForbiddenKeyError          a private or symmetric key where only public ones may stand
    ├── EncryptionError                a JWE that cannot be made with these parameters
    └── TokenError
        ├── MalformedTokenError        not a compact JWS of JSON objects, or over a limit
        ├── WrongTypeError             ``typ``
        ├── AlgorithmNotAllowedError   ``alg``
        ├── CriticalHeaderError        ``crit`` or ``b64``
        ├── UnknownKeyError            no key of the expected party fits
        ├── BadSignatureError
        ├── MissingClaimError
        ├── InvalidClaimError          a claim of the wrong JSON type
        ├── TokenExpiredError          ``exp``
        ├── TokenNotYetValidError      ``nbf`` or ``iat``
        ├── LifetimeTooLongError
        ├── WrongIssuerError           ``iss``
        └── WrongAudienceError         ``aud``
"""


class JoseError(Exception):
    """Root of everything that this package raises on purpose."""


class KeyFormatError(JoseError):
    """A key is malformed, too weak, or of a kind that is not supported."""


class ForbiddenKeyError(KeyFormatError):
    """A private or symmetric key stands where only public keys may."""


class EncryptionError(JoseError):
    """The JWE cannot be made with this key, ``alg`` and ``enc``."""


class TokenError(JoseError):
    """Root of the reasons to refuse a token."""


class MalformedTokenError(TokenError):
    """The text is no compact JWS of two JSON objects, or exceeds a limit."""


class WrongTypeError(TokenError):
    """``typ`` names another kind of token (RFC 8725 section 3.11)."""


class AlgorithmNotAllowedError(TokenError):
    """``alg`` is not among those expected (RFC 8725 section 3.1)."""


class CriticalHeaderError(TokenError):
    """The header demands an extension that is not understood (RFC 7515 section 4.1.11)."""


class UnknownKeyError(TokenError):
    """None of the expected party's keys fits ``kid`` and ``alg``."""


class BadSignatureError(TokenError):
    """The signature does not verify."""


class MissingClaimError(TokenError):
    """A required claim is absent."""


class InvalidClaimError(TokenError):
    """A claim has the wrong JSON type."""


class TokenExpiredError(TokenError):
    """``exp`` has passed."""


class TokenNotYetValidError(TokenError):
    """``nbf`` or ``iat`` lies in the future."""


class LifetimeTooLongError(TokenError):
    """The token claims a longer life than is accepted."""


class WrongIssuerError(TokenError):
    """``iss`` is not the expected issuer."""


class WrongAudienceError(TokenError):
    """``aud`` does not name the expected audience."""
