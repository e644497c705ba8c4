"""Client authentication at every endpoint that asks for it (OAuth 2.1 section 2.4).

The methods are contributions; here stands what holds for all of them: one method a request, the registered one only,
failures counted, one answer for every reason.
"""

import hashlib
from collections.abc import Awaitable, Callable

from msgspec import Struct

from grantd.core.errors import InvalidClientError, InvalidRequestError, OAuthError
from grantd.server.extension.points import ClientAuthenticationMethod, ClientAuthenticator, Credentials, Party
from grantd.server.http.forms import Parameters
from grantd.server.http.messages import Request
from grantd.server.throttle import Throttle
from grantd.storage.records import Client

FindParty = Callable[[str], Awaitable[Party | None]]

NONE = "none"
_ASSERTION = "client_assertion"
_SEVERAL = "use one client authentication method in a request, not several"


class ThrottledError(OAuthError):
    """Too many failures: 429 with ``Retry-After`` (OAuth 2.1 section 2.4.1)."""

    code = "temporarily_unavailable"
    status = 429


class Authenticated(Struct, frozen=True):
    """Who called: ``authenticated`` is false for a public client, which only named itself."""

    party: Party
    authenticated: bool

    @property
    def client(self) -> Client:
        """The client behind the party.

        Raises:
            InvalidClientError: the party is a resource server, which has no business here.
        """
        if self.party.client is None:
            raise InvalidClientError("client authentication failed", detail="a resource server acts as a client")
        return self.party.client


class ClientAuthentication:
    """The registry of methods, prepared at start for one issuer.

    Args:
        realm: the issuer identifier, for ``WWW-Authenticate``.
        methods: the contributions with their built verifiers.
        throttle: failure counter.
        on_failure: told about each failure: identifier, address, reason, correlation id; for audit and metrics.
    """

    def __init__(
        self,
        realm: str,
        methods: tuple[tuple[ClientAuthenticationMethod, ClientAuthenticator], ...],
        throttle: Throttle,
        on_failure: Callable[[str, Request, str, str], None],
    ) -> None:
        self._methods = tuple((method.name, method.find, verify) for method, verify in methods)
        self._header_methods = frozenset(method.name for method, _ in methods if method.reads_authorization)
        self._reads_assertions = any(_ASSERTION in method.parameters for method, _ in methods)
        self._throttle = throttle
        self._on_failure = on_failure
        self._challenge = (b"www-authenticate", f'Basic realm="{realm}", charset="UTF-8"'.encode())

    @property
    def method_names(self) -> tuple[str, ...]:
        """Names of the installed methods, in order."""
        return tuple(name for name, _, _ in self._methods)

    async def __call__(
        self, request: Request, parameters: Parameters, find: FindParty, *, always_401: bool = False
    ) -> Authenticated:
        """Authenticate the caller of ``request``.

        Args:
            request: the request, for its headers and certificate.
            parameters: its decoded body.
            find: looks a party up among those whom the endpoint serves.
            always_401: the endpoint's own text asks for 401, whatever the method.

        Raises:
            InvalidRequestError: several methods at once, or an identifier that contradicts the credentials.
            InvalidClientError: absent, unknown, wrong, or a method that is not the registered one.
            ThrottledError: too many failures.
        """
        named = parameters.get("client_id")
        presented = self._present(request, parameters, always_401=always_401)
        if presented is None:
            return await self._public(request, named, find, always_401=always_401)
        method, verify, credentials = presented
        if named is not None and credentials.client_id and named != credentials.client_id:
            raise InvalidRequestError("client_id contradicts the credentials")
        identifier = credentials.client_id or named or ""
        self._refuse_throttled(identifier, request)
        party = await find(identifier)
        # Unknown parties are verified too, so that an answer takes the same time.
        verified = await verify(credentials, party or _NOBODY, request)
        reason = _reason(party, method, verified=verified)
        if party is None or reason:
            self._throttle.failed((identifier, request.client_address))
            self._on_failure(identifier, request, reason, method)
            header = request.header(b"authorization") is not None
            raise self._refusal("client authentication failed", header=header or always_401, detail=reason)
        return Authenticated(party, authenticated=True)

    def _present(
        self, request: Request, parameters: Parameters, *, always_401: bool
    ) -> tuple[str, ClientAuthenticator, Credentials] | None:
        found = None
        # OAuth 2.1 section 3.2.2: credentials that are sent count, also where no installed method can read them.
        unread_header = request.header(b"authorization") is not None
        for name, find_credentials, verify in self._methods:
            for credentials in find_credentials(request, parameters):
                if found is not None:
                    raise InvalidRequestError(_SEVERAL)
                found = (name, verify, credentials)
                unread_header = unread_header and name not in self._header_methods
        unread = unread_header + (not self._reads_assertions and _ASSERTION in parameters)
        if (found is not None) + unread > 1:
            # OAuth 2.1 sections 2.4 and 3.2.4.
            raise InvalidRequestError(_SEVERAL)
        if unread:
            raise self._refusal("this authentication method is not supported here", header=unread_header or always_401)
        return found

    async def _public(self, request: Request, named: str | None, find: FindParty, *, always_401: bool) -> Authenticated:
        if named is None:
            raise self._refusal("client authentication is missing", header=always_401)
        party = await find(named)
        # OAuth 2.1 section 2.2: an identifier alone authenticates nobody, it only names a public client.
        if party is None or NONE not in party.methods or NONE not in self.method_names:
            self._on_failure(named, request, "unknown or confidential", NONE)
            raise self._refusal("client authentication failed", header=always_401, detail="no credentials")
        if party.client is not None and party.client.status != "active":
            raise self._refusal("client authentication failed", header=always_401, detail="disabled")
        return Authenticated(party, authenticated=False)

    def _refuse_throttled(self, identifier: str, request: Request) -> None:
        retry_after = self._throttle.blocked((identifier, request.client_address))
        if retry_after is not None:
            error = ThrottledError("too many failed attempts; wait before the next one")
            error.headers.append((b"retry-after", str(retry_after).encode()))
            raise error

    def _refusal(self, description: str, *, header: bool, detail: str = "") -> InvalidClientError:
        error = InvalidClientError(description, detail=detail)
        if header:
            # OAuth 2.1 section 3.2.4: answer in the scheme's own terms; a browser never sees this for body methods.
            error.status = 401
            error.headers.append(self._challenge)
        return error


def _reason(party: Party | None, method: str, *, verified: bool) -> str:
    """Return why the caller is refused, for the log alone; empty when nothing is wrong."""
    if party is None:
        return "unknown"
    # OAuth 2.1 section 2.4.2: the registered method and no other.
    if method not in party.methods:
        return f"{method} is not its registered method"
    if not verified:
        return "wrong credentials"
    if party.client is not None and party.client.status != "active":
        return "disabled"
    return ""


_NOBODY = Party(identifier="", methods=(), secrets=())


def hash_secret(secret: str) -> bytes:
    """Return the SHA-256 under which a generated secret is kept."""
    return hashlib.sha256(secret.encode()).digest()
