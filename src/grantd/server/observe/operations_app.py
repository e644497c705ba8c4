"""The ASGI application of the separate listener: metrics and health, nothing else."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec

from grantd.server.observe.logs import get_logger
from grantd.server.observe.metrics import Metrics

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
HealthCheck = Callable[[], Awaitable[str]]
"""Returns the empty string when all is well, else a few words for the operator."""

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"
_log = get_logger(__name__)


class HealthReport(msgspec.Struct, frozen=True):
    """Outcome of the checks."""

    ready: bool
    problems: dict[str, str]

    def to_json(self) -> bytes:
        """Return the report as the body of an answer."""
        status = "ready" if self.ready else "not ready"
        return msgspec.json.encode({"status": status, "problems": self.problems})


class OperationsApp:
    """Serves ``/metrics``, ``/health/live`` and ``/health/ready``.

    Args:
        metrics: what ``/metrics`` shows.
        checks: what must hold before the server is ready, by name.
    """

    def __init__(self, metrics: Metrics, checks: Mapping[str, HealthCheck]) -> None:
        self._metrics = metrics
        self._checks = dict(checks)

    async def ready(self) -> HealthReport:
        """Run every check; one that raises counts as failed."""
        problems: dict[str, str] = {}
        for name, check in self._checks.items():
            try:
                problem = await check()
            except Exception as error:  # noqa: BLE001 - whatever is wrong, the answer is: not ready
                _log.warning("health check failed", check=name, error=type(error).__name__)
                problem = "failed; the log says more"
            if problem:
                problems[name] = problem
        return HealthReport(not problems, problems)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the lifespan protocol."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            status, content_type, body = await self._answer(scope)
            headers = [
                (b"content-type", content_type.encode("ascii")),
                (b"content-length", b"%d" % len(body)),
                (b"cache-control", b"no-store"),
                (b"x-content-type-options", b"nosniff"),
            ]
            if status == 405:  # noqa: PLR2004 - Method Not Allowed
                headers.append((b"allow", b"GET, HEAD"))
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Message) -> tuple[int, str, bytes]:
        path = scope["path"]
        if path not in {"/metrics", "/health/live", "/health/ready"}:
            return 404, _TEXT, b"Not found.\n"
        if scope["method"] not in {"GET", "HEAD"}:
            return 405, _TEXT, b"Use GET.\n"
        if path == "/health/live":
            return 200, _JSON, b'{"status":"live"}'
        if path == "/health/ready":
            report = await self.ready()
            return (200 if report.ready else 503), _JSON, report.to_json()
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        body, content_type = self._metrics.render(accept.decode("latin-1"))
        return 200, content_type, body


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
