"""JWT access tokens of ours, as introspection and revocation see them."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from grantd.jose.errors import JoseError
from grantd.jose.keys import VerificationKey
from grantd.jose.verify import DecodedToken, Expectation, verify
from grantd.server.pipeline.access_tokens import reference_of
from grantd.server.pipeline.model import TokenReference

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_CACHED_TOKENS = 4_096


def build_recogniser(issuer: "Issuer") -> Callable[[str], Awaitable[TokenReference | None]]:
    """Return the recogniser of JWT access tokens.

    Signatures are verified once a token; expiry, the key, the grant and the deny list are looked at every time.
    """
    expectation = Expectation(
        typ=frozenset({"at+jwt"}),
        algorithms=frozenset({"ES256", "EdDSA", "RS256"}),
        issuer=issuer.identifier,
        audience=None,
        required=frozenset({"iss", "sub", "aud", "client_id", "iat", "jti"}),
    )

    def find_key(token: DecodedToken) -> VerificationKey | None:
        return issuer.keys.verification_key(token.kid)

    verified: OrderedDict[str, tuple[str, Mapping[str, Any]]] = OrderedDict()

    async def recognise(token: str) -> TokenReference | None:
        if token.count(".") != 2:  # noqa: PLR2004  # a compact JWS has three parts
            return None
        known = verified.get(token)
        if known is None:
            try:
                result = verify(token, find_key, expectation, issuer.clock.now())
            except JoseError:
                return None
            known = (str(result.header["kid"]), result.claims)
            verified[token] = known
            if len(verified) > _CACHED_TOKENS:
                verified.popitem(last=False)
        kid, claims = known
        # A key that was revoked in an emergency takes its tokens along at once.
        if issuer.keys.verification_key(kid) is None:
            return None
        return await reference_of(issuer, claims)

    return recognise
