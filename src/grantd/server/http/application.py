"""The edge as one ASGI application: hosts, paths, methods, bodies, CORS, errors, health.

The assembly adds routes and starts it; nothing changes afterwards but what static documents return.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple

from grantd.core.errors import InvalidRequestError, OAuthError, ServerError, TemporarilyUnavailableError
from grantd.server.http.exchange import CONTENT_LENGTH, HEADER_BLOCK
from grantd.server.http.lifespan import Hook, run_lifespan
from grantd.server.http.messages import HeaderList, Request, Response
from grantd.server.http.origin import CorrelationIds, TrustedProxies
from grantd.server.http.responses import empty, error_response, json_response, text
from grantd.server.http.routes import Handler, Observe, PreparedRoute, Route
from grantd.server.settings.model import LimitSettings
from grantd.storage.port import StoreUnavailableError

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_CLOSE = (b"connection", b"close")
_RETRY_AFTER = (b"retry-after", b"2")
_FIRST_ERROR_STATUS = 400
_CLIENT_GONE = 499
_SHOWN_HOST = 80


class Access(NamedTuple):
    """What the access log may say of a request. The path is the decoded one without query: queries hold secrets."""

    route: str
    method: str
    path: str
    status: int
    seconds: float
    client_address: str
    correlation_id: str


class _DisconnectedError(Exception):
    """The client went away before its request was whole."""


class EdgeApplication:
    """Answers requests by host and path.

    Args:
        limits: ``body_bytes`` holds for routes without a limit of their own.
        trusted_proxies: networks whose ``X-Forwarded-For`` and ``X-Correlation-Id`` are believed.
        body_seconds: how long a body may take; ``None`` where the HTTP server sees to it (``EdgeProtocol`` does).
        not_found: answers paths that no route has, on known hosts.
        ready: tells whether the deployment can serve now, for ``/health/ready``.
        on_error: logs an unforeseen exception; the request tells the correlation id.
        on_refusal: logs an ``OAuthError`` with its private detail.
        observer: makes the metrics callback of a route, once, from its name.
        access: receives a line for the access log.
        access_all: ``access`` receives successes too, not only status 400 and above.
        on_startup: run before the first request, in order.
        on_shutdown: run after the last request, in reverse order.
    """

    def __init__(
        self,
        *,
        limits: LimitSettings,
        trusted_proxies: Sequence[str] = (),
        body_seconds: float | None = None,
        not_found: Handler | None = None,
        ready: Callable[[], Awaitable[bool]] | None = None,
        on_error: Callable[[Request, Exception], None] | None = None,
        on_refusal: Callable[[Request, OAuthError], None] | None = None,
        observer: Callable[[str], Observe] | None = None,
        access: Callable[[Access], None] | None = None,
        access_all: bool = False,
        on_startup: Sequence[Hook] = (),
        on_shutdown: Sequence[Hook] = (),
    ) -> None:
        self.draining = False
        self._limits = limits
        self._proxies = TrustedProxies(trusted_proxies)
        self._body_seconds = body_seconds
        self._not_found = not_found
        self._ready = ready
        self._on_error = on_error
        self._on_refusal = on_refusal
        self._observer = observer
        self._access = access
        self._access_all = access_all
        self._on_startup = list(on_startup)
        self._on_shutdown = list(on_shutdown)
        self._hosts: dict[bytes, dict[str, PreparedRoute]] = {}
        self._prefixes: dict[bytes, list[tuple[str, PreparedRoute]]] = {}
        self._new_id = CorrelationIds()
        self._unrouted = PreparedRoute(
            Route(name="unrouted", methods=dict.fromkeys(_METHODS - {"OPTIONS", "HEAD"}, self._refuse_path)),
            body_limit=0,
            observe=observer("unrouted") if observer else None,
        )

    def add(self, host: str, path: str, route: Route, *, prefix: bool = False) -> None:
        """Add a route before serving begins.

        Args:
            host: value of ``Host`` under which it answers, with the port where clients send one.
            path: percent-decoded path.
            route: what answers there.
            prefix: answer for every path that starts with ``path`` too, where no other route does.

        Raises:
            ValueError: the place is taken, or the path does not start with ``/``.
        """
        if not path.startswith("/"):
            raise ValueError(f"the path {path!r} of route {route.name} does not start with /")
        key = host.lower().encode("ascii")
        prepared = PreparedRoute(
            route,
            body_limit=self._limits.body_bytes,
            observe=self._observer(route.name) if self._observer else None,
        )
        paths = self._hosts.setdefault(key, {})
        if path in paths:
            raise ValueError(f"routes {paths[path].name} and {route.name} both claim {path} on {host}")
        paths[path] = prepared
        if prefix:
            # The longest prefix is asked first.
            prefixes = self._prefixes.setdefault(key, [])
            prefixes.append((path, prepared))
            prefixes.sort(key=lambda entry: -len(entry[0]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI 3: ``http`` and ``lifespan``."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        started = perf_counter()
        fields: dict[bytes, bytes] = dict(scope["headers"])
        host = fields.get(b"host", b"")
        paths = self._hosts.get(host)
        if paths is None:
            host = host.lower()
            paths = self._hosts.get(host)
        raw_path = scope.get("raw_path")
        route = None
        if paths is not None and (not raw_path or b"%" not in raw_path or _unambiguous(raw_path, scope["path"])):
            route = paths.get(scope["path"])
            if route is None:
                route = self._by_prefix(host, scope["path"])
        if route is not None and route.static is not None:
            method = scope["method"]
            if method == "GET" or method == "HEAD":  # noqa: PLR1714 - a set look-up hashes the string
                await self._serve_static(scope, send, route, fields, started)
                return
        await self._serve(scope, receive, send, fields, route, paths is not None, started)

    async def _serve_static(
        self, scope: Scope, send: Send, route: PreparedRoute, fields: dict[bytes, bytes], started: float
    ) -> None:
        """Answer with a document, or with 304 (RFC 9110 section 15.4.5)."""
        assert route.static is not None  # noqa: S101 - the caller saw it; tells the type checker
        try:
            entity = route.static()
        except Exception as error:  # noqa: BLE001 - as for handlers
            request = self._request(scope, fields)
            await _send(send, request, self._failure(request, error))
            return
        correlation_id = self._correlation_id(scope, fields)
        value = correlation_id.encode("ascii")
        tag = fields.get(b"if-none-match")
        if tag is not None and entity.matches(tag):
            status, body = 304, b""
            headers = [*entity.not_modified_headers, *route.static_cors, (b"x-correlation-id", value)]
            await send({"type": "http.response.start", "status": 304, "headers": headers})
        else:
            status, body = 200, entity.body if scope["method"] == "GET" else b""
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [*entity.headers, *route.static_cors, (b"x-correlation-id", value)],
                    HEADER_BLOCK: b"%b%bx-correlation-id: %b\r\n" % (entity.block, route.static_cors_block, value),
                    CONTENT_LENGTH: len(entity.body),
                }
            )
        await send({"type": "http.response.body", "body": body})
        if route.observe is not None:
            route.observe(scope["method"], status, perf_counter() - started)
        if self._access_all:
            self._tell_access(scope, route, status, started, correlation_id)

    async def _serve(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        fields: dict[bytes, bytes],
        route: PreparedRoute | None,
        known_host: bool,  # noqa: FBT001 - private, one caller
        started: float,
    ) -> None:
        """Answer through a handler."""
        request = self._request(scope, fields)
        try:
            if route is not None:
                response = await self._answer(request, route, fields, receive)
            else:
                route = self._unrouted
                response = await self._answer_unrouted(request, known_host=known_host)
        except _DisconnectedError:
            status = _CLIENT_GONE
        else:
            status = response.status
            await _send(send, request, response)
        route = route or self._unrouted
        if route.observe is not None:
            method = request.method if request.method in _METHODS else "other"
            route.observe(method, status, perf_counter() - started)
        if self._access_all or status >= _FIRST_ERROR_STATUS:
            self._tell_access(scope, route, status, started, request.correlation_id)

    async def _answer(
        self, request: Request, route: PreparedRoute, fields: dict[bytes, bytes], receive: Receive
    ) -> Response:
        """Check method and origin, read the body, run the handler, turn what it raises into a response."""
        origin = fields.get(b"origin")
        handler = route.handlers.get(request.method)
        if handler is None:
            if request.method == "OPTIONS" and origin and route.cors and b"access-control-request-method" in fields:
                return await self._guarded(request, lambda _: self._preflight(route, origin))
            # OAuth 2.1 section 3.2 and RFC 9110 section 15.5.6.
            error = InvalidRequestError(f"this endpoint takes {route.allow.decode()} only")
            error.headers.append((b"allow", route.allow))
            response = error_response(error, status=405)
        else:
            refusal = None
            if request.method not in _WITHOUT_BODY:
                refusal = await self._read_body(request, route.body_limit, fields, receive)
            response = refusal or await self._guarded(request, handler)
        if route.cors is not None:
            response.headers.extend(await self._cors_headers(request, route, origin))
        return response

    async def _guarded(self, request: Request, handler: Handler) -> Response:
        """Run a handler and turn what it raises into a response."""
        try:
            return await handler(request)
        except OAuthError as error:
            if self._on_refusal is not None:
                self._on_refusal(request, error)
            return error_response(error)
        except StoreUnavailableError as error:
            if self._on_error is not None:
                self._on_error(request, error)
            busy = TemporarilyUnavailableError("the server cannot reach its database; try again in a moment")
            busy.headers.append(_RETRY_AFTER)
            return error_response(busy)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the client gets a response and no detail
            return self._failure(request, error)

    def _failure(self, request: Request, error: Exception) -> Response:
        if self._on_error is not None:
            self._on_error(request, error)
        return error_response(ServerError(f"unexpected; the log knows more under {request.correlation_id}"))

    async def _preflight(self, route: PreparedRoute, origin: bytes) -> Response:
        assert route.cors is not None  # noqa: S101 - the caller saw it; tells the type checker
        headers = await route.cors.preflight_headers(origin)
        if headers is None:
            return text(403, "No registered client has this origin.", headers=[(b"vary", b"Origin")])
        return empty(204, headers=headers)

    async def _cors_headers(self, request: Request, route: PreparedRoute, origin: bytes | None) -> HeaderList:
        assert route.cors is not None  # noqa: S101 - the caller saw it; tells the type checker
        try:
            return await route.cors.response_headers(origin)
        except Exception as error:  # noqa: BLE001 - fail closed: the response stands, scripts may not read it
            if self._on_error is not None:
                self._on_error(request, error)
            return [(b"vary", b"Origin")]

    async def _read_body(
        self, request: Request, limit: int, fields: dict[bytes, bytes], receive: Receive
    ) -> Response | None:
        """Read the body into ``request``; return a refusal when it is too long or too slow."""
        declared = fields.get(b"content-length")
        # Lengths of that many digits are refused unread, also by int().
        if declared is not None and (
            len(declared) > len(str(limit)) or not declared.isdigit() or int(declared) > limit
        ):
            return _closing(f"the body is longer than {limit} bytes", 413)
        try:
            async with asyncio.timeout(self._body_seconds) if self._body_seconds is not None else _NO_TIMEOUT:
                message = await receive()
                body: bytes = message.get("body", b"")
                while message.get("more_body") and len(body) <= limit:
                    message = await receive()
                    body += message.get("body", b"")
        except TimeoutError:
            return _closing("the body took too long to arrive", 408)
        if message["type"] == "http.disconnect":
            raise _DisconnectedError
        if len(body) > limit:
            return _closing(f"the body is longer than {limit} bytes", 413)
        request.body = body
        return None

    async def _answer_unrouted(self, request: Request, *, known_host: bool) -> Response:
        if request.path == "/health/live":
            return json_response(200, {"status": "live"})
        if request.path == "/health/ready":
            return await self._readiness(request)
        if known_host:
            return await self._guarded(request, self._not_found or self._refuse_path)
        # RFC 9110 section 15.5.20.
        host = (request.header(b"host") or b"")[:_SHOWN_HOST].decode("latin-1")
        shown = "".join(c if (c.isascii() and c.isalnum()) or c in ".:-_[]" else "?" for c in host)
        return text(421, f"No issuer answers for the host '{shown}'. Add it to issuers.hosts if one should.\n")

    async def _readiness(self, request: Request) -> Response:
        if self.draining:
            return json_response(503, {"status": "draining"})
        try:
            ready = self._ready is None or await self._ready()
        except Exception as error:  # noqa: BLE001 - a check that fails in any way means not ready
            if self._on_error is not None:
                self._on_error(request, error)
            ready = False
        return json_response(200, {"status": "ready"}) if ready else json_response(503, {"status": "not ready"})

    async def _refuse_path(self, request: Request) -> Response:
        del request
        return text(404, "There is nothing at this path.\n")

    def _request(self, scope: Scope, fields: dict[bytes, bytes]) -> Request:
        peer = scope["client"][0] if scope.get("client") else ""
        extensions = scope.get("extensions")
        return Request(
            scope["method"],
            scope["path"],
            query=scope["query_string"],
            headers=scope["headers"],
            client_address=self._proxies.client_address(peer, scope["headers"]) if self._proxies else peer,
            correlation_id=self._correlation_id(scope, fields),
            certificate=extensions.get("grantd.client_certificate") if extensions else None,
        )

    def _correlation_id(self, scope: Scope, fields: dict[bytes, bytes]) -> str:
        if self._proxies and scope.get("client"):
            offered = fields.get(b"x-correlation-id")
            if offered is not None:
                return self._proxies.correlation_id(scope["client"][0], offered) or self._new_id()
        return self._new_id()

    def _by_prefix(self, host: bytes, path: str) -> PreparedRoute | None:
        for prefix, route in self._prefixes.get(host, ()):
            if path.startswith(prefix):
                return route
        return None

    def _tell_access(
        self, scope: Scope, route: PreparedRoute, status: int, started: float, correlation_id: str
    ) -> None:
        if self._access is None:
            return
        peer = scope["client"][0] if scope.get("client") else ""
        address = self._proxies.client_address(peer, scope["headers"]) if self._proxies else peer
        seconds = perf_counter() - started
        self._access(Access(route.name, scope["method"], scope["path"], status, seconds, address, correlation_id))

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await run_lifespan(receive, send, on_startup=self._on_startup, on_shutdown=self._on_shutdown)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})


class _NoTimeout:
    """Stands where no time limit does."""

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass


_NO_TIMEOUT = _NoTimeout()


def _closing(sentence: str, status: int) -> Response:
    """Build the refusal of a body that will not be read to its end."""
    error = InvalidRequestError(sentence)
    error.headers.append(_CLOSE)
    return error_response(error, status=status)


def _unambiguous(raw_path: bytes, path: str) -> bool:
    """Tell whether percent escapes in a path hide nothing: no slash, backslash, percent, control or broken text."""
    escapes = raw_path.lower()
    if b"%2f" in escapes or b"%5c" in escapes or b"%25" in escapes:
        return False
    return path.isprintable() and "\ufffd" not in path


async def _send(send: Send, request: Request, response: Response) -> None:
    body = response.body
    headers = response.headers
    # RFC 9110 section 8.6: no Content-Length with 204.
    if response.status != 204:  # noqa: PLR2004 - the section names it
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    fixed = [*headers, (b"x-correlation-id", request.correlation_id.encode("ascii"))]
    await send({"type": "http.response.start", "status": response.status, "headers": fixed})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})
