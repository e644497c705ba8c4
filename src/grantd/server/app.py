"""Settings → features → one ASGI application."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from grantd.core.errors import OAuthError
from grantd.server.catalogue import FEATURES
from grantd.server.deployment import Deployment, open_deployment
from grantd.server.extension import Feature
from grantd.server.extension.points import Document, Endpoint
from grantd.server.http.application import Access, EdgeApplication
from grantd.server.http.cors import ANY_ORIGIN, CorsPolicy, registered_origins
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import text
from grantd.server.http.routes import Observe, Route, StaticEntity
from grantd.server.observe.logs import get_logger
from grantd.server.observe.metrics import Metrics
from grantd.server.pipeline.browser import error_page
from grantd.server.settings import Settings
from grantd.server.upkeep import Upkeep
from grantd.server.web import static_files
from grantd.storage.port import StoreUnavailableError

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

Opener = Callable[[], Awaitable[Deployment]]
_STATIC_MAX_AGE = 31_536_000
"""A year: the names of static files change with their content."""

_log = get_logger(__name__)


class Server:
    """An authorization server: the ASGI application and what runs beside it.

    Args:
        settings: the checked configuration.
        features: the features that may be installed.
        opener: opens the deployment; tests hand in one with a clock and a store of their own.
    """

    def __init__(
        self, settings: Settings, *, features: Iterable[Feature] = FEATURES, opener: Opener | None = None
    ) -> None:
        self.settings = settings
        self._opener: Opener = opener or (lambda: open_deployment(settings, features=features))
        self._deployment: Deployment | None = None
        self._upkeep: Upkeep | None = None
        limits = settings.server.limits
        self.application = EdgeApplication(
            limits=limits,
            trusted_proxies=settings.server.trusted_proxies,
            not_found=self._not_found,
            ready=self.ready,
            on_error=_log_error,
            on_refusal=_log_refusal,
            observer=self._observer,
            access=None if settings.log.access == "none" else _log_access,
            access_all=settings.log.access == "all",
            on_startup=[self.start],
            on_shutdown=[self.stop],
        )

    @property
    def deployment(self) -> Deployment:
        """The open deployment.

        Raises:
            RuntimeError: the server has not started.
        """
        if self._deployment is None:
            raise RuntimeError("the server has not started")
        return self._deployment

    @property
    def metrics(self) -> Metrics:
        """The metrics of the open deployment."""
        return self.deployment.neighbours.metrics

    async def start(self) -> None:
        """Open everything, add the routes of every issuer, begin the upkeep."""
        self._deployment = await self._opener()
        for issuer in self._deployment.issuers:
            self._add_routes(issuer)
        self._upkeep = Upkeep(self._deployment)
        await self._upkeep.start()

    async def stop(self) -> None:
        """End the upkeep and close everything."""
        if self._upkeep is not None:
            await self._upkeep.stop()
        if self._deployment is not None:
            await self._deployment.close()

    async def ready(self) -> bool:
        """Return whether requests can be answered now: the database reads and writes."""
        if self._deployment is None:
            return False
        try:
            await self._deployment.neighbours.store.ping()
        except StoreUnavailableError:
            return False
        return True

    def _add_routes(self, issuer: "Issuer") -> None:
        cors: dict[str, CorsPolicy | None] = {
            "none": None,
            "any": ANY_ORIGIN,
            "registered": registered_origins(issuer.is_client_origin),
        }
        routes: list[tuple[str, Route]] = []
        for endpoint in issuer.registry.of(Endpoint):
            handler = endpoint.build(issuer)
            route = Route(
                name=endpoint.name, methods=dict.fromkeys(endpoint.methods, handler), cors=cors[endpoint.cors]
            )
            routes.append((issuer.base_path + endpoint.path, route))
        for document in issuer.registry.of(Document):
            route = Route(name=document.name, static=document.build(issuer), cors=ANY_ORIGIN)
            routes.extend((path, route) for path in document.paths(issuer))
        routes.extend(_static_routes(issuer))
        for host in issuer.hosts:
            for path, route in routes:
                self.application.add(host, path, route)

    def _observer(self, name: str) -> Observe:
        observe = self.metrics.route(name).observe if self._deployment is not None else None
        if observe is None:
            return lambda _method, _status, _seconds: None
        return lambda _method, status, seconds: observe(status, seconds)

    async def _not_found(self, request: Request) -> Response:
        accept = request.header(b"accept") or b""
        if b"text/html" in accept and self._deployment is not None:
            host = (request.header(b"host") or b"").decode("latin-1")
            for issuer in self._deployment.issuers:
                if host in issuer.hosts and request.path.startswith(f"{issuer.base_path}/"):
                    return error_page(issuer, request, "not_found", status=404)
        return text(404, "There is nothing at this address.")


def _static_routes(issuer: "Issuer") -> list[tuple[str, Route]]:
    routes = []
    for path, (headers, body) in static_files(issuer.brand).items():
        others = [(name, value) for name, value in headers if name not in {b"content-type", b"cache-control"}]
        content_type = dict(headers)[b"content-type"].decode()
        entity = StaticEntity.of(body, content_type=content_type, max_age=_STATIC_MAX_AGE, headers=others)
        routes.append((issuer.base_path + path, Route(name="static", static=entity)))
    return routes


def _log_error(request: Request, error: Exception) -> None:
    _log.exception(
        "request failed",
        correlation_id=request.correlation_id,
        path=request.path,
        method=request.method,
        error=type(error).__name__,
    )


def _log_refusal(request: Request, error: OAuthError) -> None:
    _log.info(
        "request refused",
        correlation_id=request.correlation_id,
        path=request.path,
        error=error.code,
        description=error.description,
        detail=error.detail,
    )


def _log_access(access: Access) -> None:
    _log.info(
        "request",
        correlation_id=access.correlation_id,
        route=access.route,
        method=access.method,
        path=access.path,
        status=access.status,
        seconds=round(access.seconds, 6),
        client=access.client_address,
    )
