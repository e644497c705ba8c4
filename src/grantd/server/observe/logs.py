"""Structured logs on standard error: one line an event, in JSON or for eyes.

The correlation id is an argument, not a context variable: a context variable would cost every request, and only
lines that are written need it. Modules ask for their logger at import; structlog itself is loaded with the first line
or with ``configure``, so that a command that logs nothing does not pay for it.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import IO, TYPE_CHECKING, Any

from grantd.server.observe.masking import MASK, is_secret_name, mask_value
from grantd.server.settings.model import LogSettings

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger, Processor

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_ROUTED = ("uvicorn", "uvicorn.error", "asyncio")


class _State:
    """The one configuration of this process."""

    threshold = 20
    sink: "FilteringBoundLogger | None" = None


class Logger:
    """Writes events of one part of the server.

    Each method takes the event in a few constant words, the request's correlation id, and further fields. Fields
    whose name says that they are secret are masked.

    Args:
        name: the part, such as ``grantd.server.token``.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, event: str, /, *, correlation_id: str = "", **fields: object) -> None:
        """Write an event that only a developer needs."""
        if _State.threshold <= logging.DEBUG:
            _sink().debug(event, **self._with(correlation_id, fields))

    def info(self, event: str, /, *, correlation_id: str = "", **fields: object) -> None:
        """Write an event of normal work."""
        if _State.threshold <= logging.INFO:
            _sink().info(event, **self._with(correlation_id, fields))

    def warning(self, event: str, /, *, correlation_id: str = "", **fields: object) -> None:
        """Write an event that an operator should look at some day."""
        if _State.threshold <= logging.WARNING:
            _sink().warning(event, **self._with(correlation_id, fields))

    def error(self, event: str, /, *, correlation_id: str = "", **fields: object) -> None:
        """Write an event that an operator should look at now."""
        _sink().error(event, **self._with(correlation_id, fields))

    def exception(self, event: str, /, *, correlation_id: str = "", **fields: object) -> None:
        """Write an error with the exception that is being handled: its stack, without local variables."""
        _sink().error(event, exc_info=True, **self._with(correlation_id, fields))

    def is_enabled_for(self, level: int) -> bool:
        """Whether lines of a level of the ``logging`` module are written."""
        return _State.threshold <= level

    def _with(self, correlation_id: str, fields: dict[str, object]) -> dict[str, Any]:
        fields["logger"] = self._name
        if correlation_id:
            fields["correlation_id"] = correlation_id
        return fields


def get_logger(name: str) -> Logger:
    """Return the logger of a part of the server; cheap, and possible before ``configure``."""
    return Logger(name)


def configure(settings: LogSettings, stream: IO[str] | None = None) -> None:
    """Set up logs of this process, those of uvicorn, asyncio and every user of ``logging`` included.

    Args:
        settings: level and format.
        stream: where lines go; standard error when absent.
    """
    structlog = _import_structlog()
    level = _LEVELS[settings.level]
    target = stream if stream is not None else sys.stderr
    # Not structlog's dict_tracebacks or rich tracebacks: those show local variables, and with them secrets.
    shared: list[Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _mask,
    ]
    renderer: Processor
    if settings.format == "json":
        renderer = structlog.processors.JSONRenderer(serializer=_to_json)
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    _State.threshold = level
    _State.sink = structlog.wrap_logger(
        structlog.PrintLogger(target),
        processors=[structlog.processors.add_log_level, *shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    ).bind()
    _route_standard_library(structlog, level, shared, renderer, target)


def _route_standard_library(
    structlog: Any, level: int, shared: "list[Processor]", renderer: "Processor", stream: IO[str]
) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shared, renderer],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    # Libraries tell at info level what only their developers need.
    root.setLevel(max(level, logging.WARNING) if level > logging.DEBUG else level)
    for name in _ROUTED:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(level)
    # The edge writes its own access lines; uvicorn's would carry query strings.
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
    access.disabled = True


def _sink() -> "FilteringBoundLogger":
    if _State.sink is None:
        configure(LogSettings())
    if _State.sink is None:
        raise RuntimeError("configure leaves a sink behind")
    return _State.sink


def _import_structlog() -> Any:
    # Structlog takes rich when it is there, for tracebacks that we do not use: 200 ms and 9 MB in every worker.
    absent = object()
    hidden = sys.modules.get("rich", absent)
    if hidden is absent:
        sys.modules["rich"] = None  # type: ignore[assignment] # None is how Python itself marks a blocked import
    try:
        import structlog  # noqa: PLC0415 - late, see the module's docstring
    finally:
        if hidden is absent:
            del sys.modules["rich"]
    return structlog


def _mask(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if is_secret_name(name):
            event[name] = MASK
        else:
            event[name] = mask_value(value)
    return event


def _to_json(event: object, **_: object) -> str:
    import msgspec  # noqa: PLC0415 - with the first line

    return msgspec.json.encode(event, enc_hook=str).decode("utf-8", "replace")
