"""ASGI middleware that lets only requests with a valid access token through."""

import json
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping, Sequence
from types import MappingProxyType
from typing import Any

from grantd.core.errors import OAuthError, TemporarilyUnavailableError
from grantd.resource.challenge import bearer_challenge, bearer_token
from grantd.resource.errors import InsufficientScopeError, NoTokenError
from grantd.resource.keys import KeysUnavailableError
from grantd.resource.verifier import AccessToken, AccessTokenVerifier

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN_KEY = "grantd.token"
"""Where the application finds the :class:`AccessToken` in its scope."""
_log = logging.getLogger("grantd.resource")
_ANY_TOKEN: Mapping[str, Sequence[str]] = MappingProxyType({"/": ()})
_POLICY_VIOLATION = 1008


class ScopeRules:
    """Which scopes a request needs, by path and method.

    Args:
        rules: ``"/path"`` or ``"METHOD /path"`` to scopes that are all needed. A rule covers its path and everything
            below; the longest path wins, then the one with a method. ``HEAD`` counts as ``GET``. There must be a rule
            for ``"/"`` without method, so that no request is forgotten.

    Raises:
        ValueError: when the rule for ``"/"`` is missing or a path does not begin with a slash.
    """

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        if "/" not in rules:
            raise ValueError('scope rules need one for "/": what a request needs that no other rule covers')
        self._rules: list[tuple[str, str, tuple[str, ...]]] = []
        for key, scopes in rules.items():
            method, _, path = key.rpartition(" ")
            if not path.startswith("/") or isinstance(scopes, str):
                raise ValueError(f"the scope rule {key!r} is '/path' or 'METHOD /path' with a list of scopes")
            self._rules.append((path.rstrip("/"), method.upper(), tuple(scopes)))
        self._rules.sort(key=lambda rule: (len(rule[0]), rule[1]), reverse=True)

    def required(self, method: str, path: str) -> tuple[str, ...]:
        """Return the scopes that a request needs."""
        method = "GET" if method == "HEAD" else method
        return next(
            scopes
            for prefix, rule_method, scopes in self._rules
            if (path == prefix or path.startswith(prefix + "/") or not prefix) and rule_method in {"", method}
        )


class ProtectedResource:
    """The middleware. The application finds the token in ``scope["grantd.token"]``.

    Args:
        app: the application behind it.
        verifier: validates the tokens.
        realm: name of the protected area in challenges.
        resource_metadata: URL of the protected resource metadata in challenges.
        scopes: see :class:`ScopeRules`; any valid token is enough when left out.
        public: exact paths that need no token.

    Raises:
        ValueError: when a challenge could not be written with these values, or the rules have a gap.
    """

    def __init__(
        self,
        app: Application,
        verifier: AccessTokenVerifier,
        *,
        realm: str = "api",
        resource_metadata: str = "",
        scopes: Mapping[str, Sequence[str]] = _ANY_TOKEN,
        public: Collection[str] = (),
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._realm = realm
        self._resource_metadata = resource_metadata
        self._rules = ScopeRules(scopes)
        self._public = frozenset(public)
        for required in scopes.values():
            bearer_challenge(realm=realm, resource_metadata=resource_metadata, scope=required)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"] in self._public):
            await self._app(scope, receive, send)
            return
        required = self._rules.required(scope.get("method", "GET"), scope["path"])
        try:
            token = await self._authorize(scope, required)
        except OAuthError as error:
            _log.info("refused: %s %s", error.code or "no token", error.detail or error.description)
            await self._refuse(scope, send, error, required)
            return
        await self._app({**scope, TOKEN_KEY: token}, receive, send)

    async def _authorize(self, scope: Scope, required: tuple[str, ...]) -> AccessToken:
        presented = bearer_token(scope["headers"])
        if presented is None:
            raise NoTokenError
        try:
            token = await self._verifier.verify(presented)
        except KeysUnavailableError as error:
            raise TemporarilyUnavailableError("try again in a moment", detail=str(error)) from error
        # OAuth 2.1 section 5.2: scope is checked on every request.
        if not token.scopes.issuperset(required):
            raise InsufficientScopeError(required)
        return token

    def _challenge(self, error: OAuthError, required: tuple[str, ...]) -> str:
        # OAuth 2.1 section 5.3.2: without credentials, no error members.
        silent = isinstance(error, NoTokenError)
        names_scope = silent or isinstance(error, InsufficientScopeError)
        return bearer_challenge(
            realm=self._realm,
            error=error.code,
            error_description="" if silent else error.description,
            scope=required if names_scope else (),
            resource_metadata=self._resource_metadata,
        )

    async def _refuse(self, scope: Scope, send: Send, error: OAuthError, required: tuple[str, ...]) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        body = b""
        headers = [(b"cache-control", b"no-store")]
        if isinstance(error, TemporarilyUnavailableError):
            headers.append((b"retry-after", b"5"))
        else:
            headers.append((b"www-authenticate", self._challenge(error, required).encode("ascii")))
        if error.code:
            body = json.dumps({"error": error.code, "error_description": error.description}).encode()
            headers.append((b"content-type", b"application/json"))
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
