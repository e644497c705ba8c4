"""One HTTP/1.1 connection: what was read goes straight to the application, its response goes out in one piece.

uvicorn's server owns the sockets, the lifespan and the graceful end; of its protocols only the outer shape is kept.
``RequestReader`` refuses what is malformed or too long; this class keeps the order, the deadlines and the end.
"""

import asyncio
import logging
import ssl
import sys
from collections import deque
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.server import ServerState

from grantd.server.http.clock import Clock
from grantd.server.http.incoming import Incoming, Responder
from grantd.server.http.messages import Response
from grantd.server.http.reader import RefusedError, RequestReader
from grantd.server.http.responses import text
from grantd.server.http.wire import Writer, is_last
from grantd.server.settings.model import LimitSettings

_PIPELINED = 33
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 1_048_576
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_TOO_MANY_CONNECTIONS = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_NOTHING: Final = object()
_IDLE: Final = object()
_STALE: Final = object()
_HEAD: Final = object()
_log = logging.getLogger("uvicorn.error")


class EdgeProtocol(asyncio.Protocol):
    """One connection. Use ``edge_protocol`` to bind what all connections of a server share."""

    limits: LimitSettings
    responder: Responder
    writer: Writer

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        del config, app_state  # uvicorn hands them to every protocol
        self.loop = loop = _loop or asyncio.get_running_loop()
        self.transport: asyncio.Transport = None  # type: ignore[assignment] # comes with the connection
        self._state = server_state
        self._respond = self.responder.respond
        self._respond_now = self.responder.respond_now
        self._waiting: deque[Incoming] = deque()
        self._reader: RequestReader = None  # type: ignore[assignment] # comes with the connection
        self._running: Incoming | None = None
        self._judged: Incoming | None = None  # its body is being read, up to:
        self._limit = 0
        self._clock = Clock(loop)
        self._watched = _NOTHING  # what the clock runs for: a head, a body (its request), an idle connection
        self._refusal: RefusedError | None = None  # for what comes after the requests that are waiting
        self._closing = False  # no more input is read
        self._ending = False  # the last response that is due ends the connection
        self._reading_paused = False
        self._writing_paused = False
        self._lingered = 0

    # Connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # stream sockets only
        """Start the clock of the first head; turn away what exceeds the number of connections."""
        self.transport = transport
        connections = self._state.connections
        connections.add(self)  # type: ignore[arg-type] # has what uvicorn's server asks of its own protocols
        peer = get_remote_addr(transport)
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        self._reader = RequestReader(
            self.limits,
            self._waiting,
            queued=_PIPELINED,
            peer=peer[0] if peer else "",
            certificate=(tls.getpeercert(binary_form=True) or None) if tls is not None else None,
        )
        if len(connections) > self.limits.connections:
            self._closing = True
            transport.write(_TOO_MANY_CONNECTIONS)
            transport.close()
            return
        self._watch_for(_HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock; tell the application about those whose client is gone."""
        del exc
        self._state.connections.discard(self)
        self._closing = True
        self._clock.end()
        self._reader.end()
        if self._running is not None:
            self._running.gone = True
        self._drop_waiting()

    def eof_received(self) -> bool | None:
        """Keep a half-closed connection open until the requests that came whole are answered."""
        # The rest of a message that has begun can never come; TLS transports cannot stay half open.
        tls = self.transport.get_extra_info("sslcontext") is not None
        if tls or self._closing or self._reader.begun or self._idle():
            return None
        self._ending = True
        return True

    def shutdown(self) -> None:
        """Close when nothing is in work, else after the last response: uvicorn's server drains."""
        if self._idle():
            self.transport.close()
        else:
            self._ending = True

    def _idle(self) -> bool:
        """Tell whether no request is in work, or on its way with a whole head."""
        return self._running is None and not self._waiting

    # Input

    def data_received(self, data: bytes) -> None:
        """Read on, answer what is whole, keep the clock."""
        if self._closing:
            self._lingered += len(data)
            if self._lingered > _LINGER_BYTES:
                self.transport.abort()
            return
        if self._watched is _IDLE:
            self._watched = _STALE
        reader = self._reader
        heads = reader.heads
        try:
            reader.feed(data)
        except RefusedError as refusal:
            self._refuse(refusal)
            return
        if reader.heads != heads:
            self._watch_for(_NOTHING)
            self._advance()
        elif self._judged is not None:
            self._advance()
        self._watch()

    def _advance(self) -> None:
        """Answer as many of the waiting requests as can be, in their order."""
        waiting = self._waiting
        while waiting and self._running is None and not self._writing_paused:
            request = waiting[0]
            if not request.whole:
                if self._is_worth_reading(request):
                    break
                # What is left of the request is not read: this response is the last.
                self._closing = True
                self._watch_for(_NOTHING)
            waiting.popleft()
            self._judged = None
            self._start(request)
        if self._refusal is not None and self._idle():
            self._write_refusal()
        elif self._running is None and not self._writing_paused:
            self._resume_reading()
        elif waiting:
            self._pause_reading()

    def _is_worth_reading(self, request: Incoming) -> bool:
        """Tell whether the answer needs more of the body; ask the client to send it if it waits for that."""
        if self._judged is not request:
            limit = self.responder.body_limit(request)
            if limit is None:
                return False
            self._judged, self._limit = request, limit
            if request.fields.get(b"expect", b"").lower() == b"100-continue" and not self._reader.body_bytes:
                self.transport.write(_CONTINUE)
        return self._reader.body_bytes <= self._limit

    def _start(self, request: Incoming) -> None:
        """Run the application, up to its first wait at once: many answers need none and no turn of the loop."""
        self._running = request
        try:
            response = self._respond_now(request)
        except Exception:  # noqa: BLE001 - logged; whatever went wrong, the client gets a response
            _log.exception("The application failed")
            response = _failure()
        if response is not None:
            self._answer(request, response)
            return
        answering = self._answer_later(request)
        if sys.version_info >= (3, 12):
            task = asyncio.Task(answering, loop=self.loop, eager_start=True)
            if task.done():
                return
        else:
            task = self.loop.create_task(answering)
        self._state.tasks.add(task)
        task.add_done_callback(self._answered_later)

    async def _answer_later(self, request: Incoming) -> None:
        try:
            response = await self._respond(request)
        except asyncio.CancelledError:
            # The drain took too long.
            self._answer(request, _failure())
            raise
        except Exception:  # noqa: BLE001 - logged; whatever went wrong, the client gets a response
            _log.exception("The application failed")
            response = _failure()
        self._answer(request, response)

    def _answered_later(self, task: asyncio.Task[None]) -> None:
        self._state.tasks.discard(task)
        if not self.transport.is_closing():
            self._advance()
            if not self._closing:
                self._watch()

    # Output

    def _answer(self, request: Incoming, response: Response) -> None:
        """Write a response; go on, or end the connection."""
        self._state.total_requests += 1
        if request.gone or self.transport.is_closing():
            self._running = None
            return
        last = not request.keep_alive or not request.whole or (self._ending and not self._waiting)
        try:
            data = self._render(response, request, last=last)
        except Exception:  # noqa: BLE001 - as for the application
            _log.exception("A response cannot be written")
            response = _failure()
            data = self._render(response, request, last=True)
        self.transport.write(data)
        self._running = None
        if last or is_last(response):
            self._finish()
        elif not self._waiting and not self._reader.begun:
            self._watched = _IDLE
            self._clock.set(self.limits.keep_alive_seconds, self._idle_too_long)

    def _render(self, response: Response, request: Incoming, *, last: bool) -> bytes:
        return self.writer.whole(
            response, request.method, request.correlation_id, defaults=self._state.default_headers, last=last
        )

    def pause_writing(self) -> None:
        """Answer no more requests while the client does not read: at most one response waits for it."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self._writing_paused = False
        if not self._closing or self._refusal is not None:
            self._advance()
            self._watch()

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused and not self.transport.is_closing():
            self._reading_paused = False
            self.transport.resume_reading()

    # Clock

    def _watch(self) -> None:
        """Let the clock run for what must come or go next."""
        if self._closing:
            return
        reader = self._reader
        if reader.begun:
            self._watch_for(reader.current or _HEAD)
        elif self._running is not None:
            self._watch_for(_NOTHING)
        elif self._waiting:
            # The client does not read its responses.
            self._watched = _IDLE
            self._clock.set(self.limits.keep_alive_seconds, self._idle_too_long)
        elif self._watched is not _IDLE:
            # Line ends between requests stop the time of an idle connection, but begin nothing.
            self._watch_for(_HEAD)

    def _watch_for(self, awaited: object) -> None:
        if awaited is self._watched:
            return
        self._watched = awaited
        if awaited is _NOTHING:
            self._clock.stop()
        else:
            seconds = self.limits.header_seconds if awaited is _HEAD else self.limits.body_seconds
            self._clock.set(seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._refuse(RefusedError(408, "The request took too long to arrive"))

    def _idle_too_long(self) -> None:
        """Close an idle connection, and do not wait for a client that never read its response."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    # The end

    def _refuse(self, refusal: RefusedError) -> None:
        """Answer the message that is being read with an error, after the answers to those before it."""
        self._refusal = refusal
        self._closing = True
        self._clock.stop()
        if self._waiting and not self._waiting[-1].whole:
            self._judged = None
            self.responder.abandoned(self._waiting.pop())
        self._advance()
        if not self._idle():
            self._pause_reading()

    def _write_refusal(self) -> None:
        refusal, self._refusal = self._refusal, None
        if refusal is None or self.transport.is_closing():
            return
        response = text(refusal.status, f"{refusal.sentence}\n")
        self.transport.write(self.writer.whole(response, "", "", defaults=self._state.default_headers, last=True))
        self._finish()

    def _finish(self) -> None:
        """Close after the last response of the connection; let a request that is still coming run out first."""
        coming = self._reader.begun or self._closing
        self._refusal = None
        self._drop_waiting()
        if not coming:
            self.transport.close()
            return
        # Closing at once while input is unread resets the connection, and the client may never see the response
        # (RFC 9112 section 9.6).
        self._closing = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._resume_reading()
        self._clock.set(_LINGER_SECONDS, self.transport.abort)

    def _drop_waiting(self) -> None:
        self._judged = None
        for request in self._waiting:
            self.responder.abandoned(request)
        self._waiting.clear()


def _failure() -> Response:
    """Build what the client hears when the application could not say anything."""
    return text(500, "Internal Server Error\n", headers=[(b"connection", b"close")])


def edge_protocol(limits: LimitSettings, responder: Responder) -> type[EdgeProtocol]:
    """Return ``EdgeProtocol`` for one server, as a class for uvicorn's configuration.

    Args:
        limits: what is let in.
        responder: answers the requests.
    """
    shared = {"limits": limits, "responder": responder, "writer": Writer()}
    return type("BoundEdgeProtocol", (EdgeProtocol,), shared)
