"""Running a server: checked before it listens, explained when it cannot start, measured while it runs."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from socket import socket
from typing import Any

import typer
from msgspec.structs import replace

from grantd import __version__
from grantd.cli.opening import explain, explained, read_settings
from grantd.cli.terminal import FAILED, WRONG_USE, fail, tell
from grantd.server.app import Server
from grantd.server.deployment import Deployment, compose
from grantd.server.http.serve import SideListener, listen, serve
from grantd.server.keys.keyring import signing_record
from grantd.server.keys.sealing import load_sealer
from grantd.server.observe.logs import configure, get_logger
from grantd.server.observe.operations_app import OperationsApp
from grantd.server.settings import Settings
from grantd.storage.open import require_schema
from grantd.storage.records import AuditEvent
from grantd.storage.sqlite import SqliteStore

_NOT_STARTED = b"not started\n"
_log = get_logger(__name__)


class Operations:
    """The application of the metrics listener; until the server has started it answers 503."""

    def __init__(self) -> None:
        self._application: OperationsApp | None = None

    def attach(self, server: "ObservedServer") -> None:
        """Show the metrics and the health of a started server."""

        async def store() -> str:
            return "" if await server.ready() else "the database does not answer"

        async def draining() -> str:
            return "the server is about to stop" if server.application.draining else ""

        self._application = OperationsApp(server.metrics, {"store": store, "draining": draining})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if self._application is not None:
            await self._application(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(_NOT_STARTED))]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": _NOT_STARTED})


class ObservedServer(Server):
    """A server whose gauges are connected and whose failing start is kept for the one who asks.

    Args:
        settings: the checked configuration.
        operations: told when the server has started.
    """

    def __init__(self, settings: Settings, operations: Operations) -> None:
        super().__init__(settings)
        self._operations = operations
        self.failure: Exception | None = None

    async def start(self) -> None:
        """Start, connect the gauges, and record it."""
        try:
            await super().start()
        except Exception as error:
            self.failure = error
            raise
        connect(self.deployment)
        self._operations.attach(self)
        self._record("server.started", version=__version__)

    async def stop(self) -> None:
        """Record it, and stop."""
        self._record("server.stopped")
        await super().stop()

    def _record(self, kind: str, **details: object) -> None:
        neighbours = self.deployment.neighbours
        for issuer in self.deployment.issuers:
            neighbours.audit.record(
                AuditEvent(issuer=issuer.identifier, at=neighbours.clock.now(), type=kind, details=details)
            )


def connect(deployment: Deployment) -> None:
    """Let the gauges read what they measure."""
    neighbours = deployment.neighbours
    metrics, store = neighbours.metrics, neighbours.store
    metrics.watch_audit_backlog(lambda: neighbours.audit.backlog)
    metrics.watch_password_queue(lambda: neighbours.passwords.pending)
    if isinstance(store, SqliteStore):
        metrics.watch_store_queue(lambda: store.waiting)

        def observe(rows: int, seconds: float) -> None:
            metrics.store_group_rows.observe(rows)
            metrics.store_write_seconds.observe(seconds)

        store.watch_groups(observe)
    for issuer in deployment.issuers:
        for alg in issuer.settings.keys.algorithms:

            def age(ring: Any = issuer.keys, alg: str = alg) -> float:
                now = neighbours.clock.now()
                record = signing_record(ring.records, alg, now)
                return 0.0 if record is None else float(now - record.activate_at)

            metrics.watch_key_age(issuer.identifier, alg, age)


def check_start(settings: Settings) -> None:
    """Find before anything listens what would stop the start.

    Raises:
        CompositionError: the features of an issuer do not fit together.
        SealingKeyError: the sealing key cannot be used.
        SchemaError: the database is missing or of another version.
        StoreUnavailableError: the database cannot be read.
    """
    for issuer in settings.issuers:
        compose(settings, issuer)
    if settings.secrets.sealing_key or settings.secrets.sealing_key_file:
        load_sealer(settings.secrets)
    require_schema(settings.store.url)


def serve_configured(config: Path | None, *, host: str = "", port: int | None = None) -> None:
    """Run ``grantd serve``."""
    with explained():
        settings = read_settings(config)
    server = settings.server
    if host or port is not None:
        server = replace(server, host=host or server.host, port=server.port if port is None else port)
        settings = replace(settings, server=server)
    run(settings)


def run(
    settings: Settings,
    *,
    sides: Sequence[SideListener] = (),
    on_listening: Callable[[str, int], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: checked settings.
        sides: further applications beside the metrics.
        on_listening: called with host and port once requests are answered.
    """
    with explained():
        check_start(settings)
    configure(settings.log)
    operations = Operations()
    server = ObservedServer(settings, operations)
    if settings.metrics.port:
        sides = (
            *sides,
            SideListener(application=operations, host=settings.metrics.host, port=settings.metrics.port),
        )

    try:
        sock = listen(settings.server.host, settings.server.port)
    except OSError as error:
        fail(_cannot_listen(settings.server.host, settings.server.port, error), code=FAILED)
    try:
        _serve(server, sock, sides, on_listening)
    except (SystemExit, OSError) as error:
        if server.failure is not None:
            _fail_start(server.failure, error)
        if isinstance(error, SystemExit):
            raise
        beside = ", ".join(f"{one.host}:{one.port}" for one in sides)
        fail(f"cannot listen beside the server, on {beside}: {error.strerror or error}", code=FAILED)
    if server.failure is not None:
        _fail_start(server.failure, None)
    _log.info("stopped")


def _serve(
    server: ObservedServer,
    sock: socket,
    sides: Sequence[SideListener],
    on_listening: Callable[[str, int], None] | None,
) -> None:
    # Starts, ends and failures are told here, once; uvicorn would add lines that say less.
    uvicorn_log = logging.getLogger("uvicorn.error")
    uvicorn_log.addFilter(lambda _: server.failure is None)
    uvicorn_log.setLevel(max(logging.WARNING, uvicorn_log.level))

    def listening(address: str, number: int) -> None:
        _log.info("listening", host=address, port=number)
        if on_listening is not None:
            on_listening(address, number)

    def drain() -> None:
        server.application.draining = True
        _log.info("draining", seconds=server.settings.server.limits.drain_seconds)

    serve(
        server.application,
        server.settings.server,
        sock=sock,
        sides=sides,
        on_listening=listening,
        on_draining=drain,
    )


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    return f"cannot listen on {host}:{port}: {error.strerror or error}; change server.host or server.port"


def _fail_start(error: Exception, end: BaseException | None) -> None:
    known = explain(error)
    if known is None:
        raise error from end
    lines, code = known
    for line in lines:
        tell(f"grantd: {line}")
    raise typer.Exit(code or WRONG_USE) from error
