"""Running applications: uvicorn with uvloop, ``EdgeProtocol`` and a graceful end."""

import asyncio
import contextlib
import math
import signal
import socket
import ssl
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import uvicorn
import uvloop

from grantd.server.http.application import EdgeApplication
from grantd.server.http.asgi import Application, AsgiResponder
from grantd.server.http.protocol import edge_protocol
from grantd.server.settings.model import LimitSettings, ServerSettings

_BACKLOG = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class SideListener:
    """A further small application on a socket of its own, in the same loop: metrics, the demo.

    Args:
        application: ASGI; receives no lifespan events.
        host: address to listen on.
        port: 0 takes a free one.
    """

    application: Application
    host: str
    port: int


def listen(host: str, port: int, *, reuse_port: bool = False) -> socket.socket:
    """Bind a listening socket.

    Args:
        host: name or address.
        port: 0 takes a free one.
        reuse_port: let several processes listen on the same port, each with a queue of its own (SO_REUSEPORT).

    Raises:
        OSError: the address is unknown or taken.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def serve(
    application: Application,
    settings: ServerSettings,
    *,
    sock: socket.socket | None = None,
    sides: Sequence[SideListener] = (),
    tls: ssl.SSLContext | None = None,
    on_listening: Callable[[str, int], None] | None = None,
    on_draining: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then let open requests end within ``drain_seconds``.

    Args:
        application: ASGI application.
        settings: where to listen and which limits hold.
        sock: an own listening socket instead of ``settings.host`` and ``settings.port``.
        sides: further applications, each on a socket of its own in the same loop.
        tls: terminates TLS here; with ``verify_mode`` set, client certificates reach the application.
        on_listening: called with host and port once requests are answered.
        on_draining: called when the end begins; sets ``EdgeApplication.draining``.

    Raises:
        OSError: an address is unknown or taken.
        SystemExit: the application failed to start; the status is not 0.
    """
    sock = sock or listen(settings.host, settings.port)
    side_socks = [listen(side.host, side.port) for side in sides]
    main = _Server(_configure(application, settings.limits, tls=tls, lifespan="on"), on_listening, on_draining)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        others = [
            (_Server(_configure(side.application, settings.limits, tls=None, lifespan="off")), side_sock)
            for side, side_sock in zip(sides, side_socks, strict=True)
        ]
        runner.run(_serve_all(main, sock, others))


async def _serve_all(main: "_Server", sock: socket.socket, others: "Sequence[tuple[_Server, socket.socket]]") -> None:
    tasks = [asyncio.create_task(other.serve_quietly(other_sock)) for other, other_sock in others]
    try:
        await main.serve(sockets=[sock])
    finally:
        for other, _ in others:
            other.should_exit = True
        for task in tasks:
            await task


def _configure(
    application: Application, limits: LimitSettings, *, tls: ssl.SSLContext | None, lifespan: Any
) -> uvicorn.Config:
    responder = (
        application
        if isinstance(application, EdgeApplication)
        else AsgiResponder(application, body_bytes=limits.body_bytes)
    )
    config = uvicorn.Config(
        application,
        http=edge_protocol(limits, responder),
        ws="none",
        loop="none",
        lifespan=lifespan,
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=limits.keep_alive_seconds,  # type: ignore[arg-type] # goes to call_later unchanged
        timeout_graceful_shutdown=math.ceil(limits.drain_seconds),
        backlog=_BACKLOG,
    )
    config.load()
    config.ssl = tls
    return config


class _Server(uvicorn.Server):
    """uvicorn's server that ends with status 0 after a signal and tells when it starts and drains."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_listening: Callable[[str, int], None] | None = None,
        on_draining: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self._on_draining = on_draining

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._on_listening is not None and sockets and not self.should_exit:
            host, port = sockets[0].getsockname()[:2]
            self._on_listening(host, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        # What is still open after the drain would outlive the loop.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)

    async def serve_quietly(self, sock: socket.socket) -> None:
        """Serve without listening to signals."""
        await self._serve([sock])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._on_draining is not None:
            self._on_draining()
        super().handle_exit(sig, frame)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle SIGTERM and SIGINT; unlike the base class do not raise them again after the graceful end."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
