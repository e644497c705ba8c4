"""Cross-origin sharing: which scripts may read what (OAuth 2.1 sections 3.1 and 3.2; Fetch, CORS protocol).

A route without a policy never answers with a CORS header.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from grantd.server.http.messages import HeaderList

OriginCheck = Callable[[str], Awaitable[bool]]

_EXPOSED = b"WWW-Authenticate, DPoP-Nonce, X-Correlation-Id"
_VARY = (b"vary", b"Origin")
_ANYBODY = ((b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", _EXPOSED))


@dataclass(frozen=True, slots=True, kw_only=True)
class CorsPolicy:
    """Whose scripts may call a route; credentials are never allowed.

    Args:
        allowed: says whether an ``Origin`` may read the answers; ``None`` opens the route to every origin.
        methods: of the actual requests.
        headers: request headers that scripts may set; ``*`` is all but ``Authorization``.
        max_age: how long browsers may keep the answer to a preflight, in seconds.
    """

    allowed: OriginCheck | None
    methods: str = "POST"
    headers: str = "Authorization, Content-Type, DPoP"
    max_age: int = 600

    @property
    def without_origin(self) -> tuple[tuple[bytes, bytes], ...]:
        """What the response gets when no script asks: the same for all such requests."""
        return _ANYBODY if self.allowed is None else (_VARY,)

    async def response_headers(self, origin: bytes | None) -> HeaderList:
        """Return what the actual response to ``origin`` gets."""
        if self.allowed is None:
            return [*_ANYBODY]
        if origin is None:
            return [*self.without_origin]
        if not await self._allows(origin):
            return [_VARY]
        return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", _EXPOSED), _VARY]

    async def preflight_headers(self, origin: bytes) -> HeaderList | None:
        """Return what the answer to a preflight of ``origin`` gets; ``None`` when it may not call."""
        if self.allowed is not None and not await self._allows(origin):
            return None
        return [
            (b"access-control-allow-origin", b"*" if self.allowed is None else origin),
            (b"access-control-allow-methods", self.methods.encode()),
            (b"access-control-allow-headers", self.headers.encode()),
            (b"access-control-max-age", str(self.max_age).encode()),
            _VARY,
        ]

    async def _allows(self, origin: bytes) -> bool:
        # "null" is the origin of sandboxed frames and files: anybody's.
        if self.allowed is None or origin == b"null" or not origin.isascii():
            return False
        return await self.allowed(origin.decode("ascii"))


ANY_ORIGIN = CorsPolicy(allowed=None, methods="GET, HEAD", headers="*", max_age=86_400)
"""For metadata and key sets (ASM-17): anybody may read them."""


def registered_origins(allowed: OriginCheck) -> CorsPolicy:
    """Return the policy of the token and revocation endpoints: origins of registered browser-based clients."""
    return CorsPolicy(allowed=allowed)
