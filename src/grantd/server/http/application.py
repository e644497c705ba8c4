"""The edge as one application: hosts, paths, methods, bodies, CORS, errors, health.

The assembly adds routes and starts it; nothing changes afterwards but what static documents return. ``EdgeProtocol``
hands requests over directly; any other server reaches the same code by ASGI.
"""

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Final, NamedTuple

from grantd.core.errors import InvalidRequestError, OAuthError, ServerError, TemporarilyUnavailableError
from grantd.server.http.asgi import Receive, Scope, Send, answer_scope, closing
from grantd.server.http.incoming import Incoming
from grantd.server.http.lifespan import Hook, run_lifespan
from grantd.server.http.messages import Request, Response
from grantd.server.http.origin import CorrelationIds, TrustedProxies
from grantd.server.http.responses import empty, error_response, json_response, text
from grantd.server.http.routes import Handler, Observe, PreparedRoute, Route
from grantd.server.settings.model import LimitSettings
from grantd.storage.port import StoreUnavailableError

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_VARY: Final = (b"vary", b"Origin")
_RETRY_AFTER: Final = (b"retry-after", b"2")
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
        self._proxied = bool(self._proxies)
        self._unrouted = self._prepare_fallback(self._not_found or _refuse_path)
        self._misdirected = self._prepare_fallback(_refuse_host)
        self._health = {
            "/health/live": self._prepare_fallback(_tell_live),
            "/health/ready": self._prepare_fallback(self._tell_ready),
        }

    def _prepare_fallback(self, handler: Handler) -> PreparedRoute:
        """Prepare what answers every method where no route does."""
        observe = self._observer("unrouted") if self._observer else None
        route = Route(name="unrouted", methods={"GET": handler})
        return PreparedRoute(route, body_limit=0, observe=observe, fallback=handler)

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
        if scope["type"] == "http":
            await answer_scope(self, scope, receive, send, body_seconds=self._body_seconds)
        elif scope["type"] == "lifespan":
            await run_lifespan(receive, send, on_startup=self._on_startup, on_shutdown=self._on_shutdown)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    def respond_now(self, request: Incoming) -> Response | None:
        """Find the route; answer at once if it has a document."""
        request.started = perf_counter()
        if self._proxied:
            peer = request.client_address
            request.client_address = self._proxies.client_address(peer, request.headers)
            offered = request.fields.get(b"x-correlation-id")
            given = self._proxies.correlation_id(peer, offered) if offered is not None else None
            request.correlation_id = given or self._new_id()
        else:
            request.correlation_id = self._new_id()
        route = request.route or self._find(request)
        if route.static is None:
            return None
        method = request.method
        if method != "GET" and method != "HEAD":  # noqa: PLR1714 - a set look-up hashes the string
            return None
        response: Response
        try:
            response = route.document(route.static(), request.fields.get(b"if-none-match"))
        except Exception as error:  # noqa: BLE001 - as for handlers
            response = self._excuse(request, error)
        self._record(request, route, response.status)
        return response

    def body_limit(self, request: Incoming) -> int | None:
        """Return how much of the body the route reads; ``None`` where it reads none, or where it refuses the length."""
        route = request.route or self._find(request)
        if request.method not in route.reading:
            return None
        limit = route.body_limit
        declared = request.fields.get(b"content-length")
        # Lengths of that many digits are refused unread, also by int().
        if declared is not None and (
            len(declared) > len(str(limit)) or not declared.isdigit() or int(declared) > limit
        ):
            return None
        return limit

    async def respond(self, request: Incoming, refusal: Response | None = None) -> Response:
        """Check method and body, run the handler, turn what it raises into a response, add the CORS headers.

        Args:
            request: its body is whole, or ``body_limit`` said that it need not be.
            refusal: what the server has to say instead of the handler.
        """
        route = request.route or self._find(request)
        method = request.method
        handler = route.handlers.get(method) or route.fallback or self._without_handler
        try:
            if refusal is not None:
                response = refusal
            elif method not in route.reading:
                request.body = b""
                response = await handler(request)
            elif not request.whole or len(request.body) > route.body_limit:
                response = closing(f"the body is longer than {route.body_limit} bytes", 413)
            else:
                response = await handler(request)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the client gets a response and no detail
            response = self._excuse(request, error)
        cors = route.cors
        if cors is not None:
            origin = request.fields.get(b"origin")
            if origin is None:
                response.headers.extend(route.cors_without_origin)
            elif not _is_preflight(request, route):
                try:
                    response.headers.extend(await cors.response_headers(origin))
                except Exception as error:  # noqa: BLE001 - fail closed: scripts may not read the response
                    if self._on_error is not None:
                        self._on_error(request, error)
                    response.headers.append(_VARY)
        self._record(request, route, _CLIENT_GONE if request.gone else response.status)
        return response

    def abandoned(self, request: Incoming) -> None:
        """Count a request whose client went away before it was whole."""
        request.started = request.started or perf_counter()
        self._record(request, request.route or self._find(request), _CLIENT_GONE)

    def _find(self, request: Incoming) -> PreparedRoute:
        """Find what answers a request."""
        host = request.fields.get(b"host", b"")
        paths = self._hosts.get(host)
        if paths is None:
            host = host.lower()
            paths = self._hosts.get(host)
        path = request.path
        route = None
        if paths is not None and (b"%" not in request.raw_path or _unambiguous(request.raw_path, path)):
            route = paths.get(path)
            if route is None:
                for prefix, candidate in self._prefixes.get(host, ()):
                    if path.startswith(prefix):
                        route = candidate
                        break
        if route is None:
            route = self._health.get(path) or (self._misdirected if paths is None else self._unrouted)
        request.route = route
        return route

    async def _without_handler(self, request: Request) -> Response:
        """Answer a preflight, or a method that the route does not have."""
        assert isinstance(request, Incoming)  # noqa: S101 - respond takes nothing else; tells the type checker
        assert request.route is not None  # noqa: S101 - as above
        route = request.route
        if route.cors is not None and _is_preflight(request, route):
            headers = await route.cors.preflight_headers(request.fields[b"origin"])
            if headers is None:
                return text(403, "No registered client has this origin.", headers=[_VARY])
            return empty(204, headers=headers)
        # OAuth 2.1 section 3.2 and RFC 9110 section 15.5.6.
        error = InvalidRequestError(f"this endpoint takes {route.allow.decode()} only")
        error.headers.append((b"allow", route.allow))
        return error_response(error, status=405)

    def _excuse(self, request: Request, error: Exception) -> Response:
        """Turn what a handler raised into a response."""
        if isinstance(error, OAuthError):
            if self._on_refusal is not None:
                self._on_refusal(request, error)
            return error_response(error)
        if self._on_error is not None:
            self._on_error(request, error)
        if isinstance(error, StoreUnavailableError):
            busy = TemporarilyUnavailableError("the server cannot reach its database; try again in a moment")
            busy.headers.append(_RETRY_AFTER)
            return error_response(busy)
        return error_response(ServerError(f"unexpected; the log knows more under {request.correlation_id}"))

    async def _tell_ready(self, request: Request) -> Response:
        if self.draining:
            return json_response(503, {"status": "draining"})
        try:
            ready = self._ready is None or await self._ready()
        except Exception as error:  # noqa: BLE001 - a check that fails in any way means not ready
            if self._on_error is not None:
                self._on_error(request, error)
            ready = False
        return json_response(200, {"status": "ready"}) if ready else json_response(503, {"status": "not ready"})

    def _record(self, request: Incoming, route: PreparedRoute, status: int) -> None:
        """Tell metrics and access log of a request."""
        seconds = perf_counter() - request.started
        method = request.method
        if route.observe is not None:
            route.observe(method if method in _METHODS else "other", status, seconds)
        if (self._access_all or status >= _FIRST_ERROR_STATUS) and self._access is not None:
            self._access(
                Access(
                    route.name, method, request.path, status, seconds, request.client_address, request.correlation_id
                )
            )


def _is_preflight(request: Incoming, route: PreparedRoute) -> bool:
    """Tell whether a browser asks if it may call the route (Fetch, CORS-preflight request)."""
    fields = request.fields
    return (
        request.method == "OPTIONS"
        and route.cors is not None
        and bool(fields.get(b"origin"))
        and b"access-control-request-method" in fields
    )


def _unambiguous(raw_path: bytes, path: str) -> bool:
    """Tell whether percent escapes in a path hide nothing: no slash, backslash, percent, control or broken text."""
    escapes = raw_path.lower()
    if b"%2f" in escapes or b"%5c" in escapes or b"%25" in escapes:
        return False
    return path.isprintable() and "\ufffd" not in path


async def _refuse_path(request: Request) -> Response:
    del request
    return text(404, "There is nothing at this path.\n")


async def _refuse_host(request: Request) -> Response:
    # RFC 9110 section 15.5.20.
    host = (request.header(b"host") or b"")[:_SHOWN_HOST].decode("latin-1")
    shown = "".join(c if (c.isascii() and c.isalnum()) or c in ".:-_[]" else "?" for c in host)
    return text(421, f"No issuer answers for the host '{shown}'. Add it to issuers.hosts if one should.\n")


async def _tell_live(request: Request) -> Response:
    del request
    return json_response(200, {"status": "live"})
