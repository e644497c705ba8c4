"""The lifespan protocol of ASGI: what runs before the first request and after the last."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

Hook = Callable[[], Awaitable[None]]


async def run_lifespan(
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
    *,
    on_startup: Sequence[Hook],
    on_shutdown: Sequence[Hook],
) -> None:
    """Run the hooks when the server says so.

    A failing start stops the server; a failing shutdown hook never keeps the others from running.

    Args:
        receive: of ASGI.
        send: of ASGI.
        on_startup: run in order.
        on_shutdown: run in reverse order.
    """
    await receive()
    try:
        for hook in on_startup:
            await hook()
    except Exception as error:
        await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
        raise
    await send({"type": "lifespan.startup.complete"})
    await receive()
    failures: list[Exception] = []
    for hook in reversed(on_shutdown):
        try:
            await hook()
        except Exception as error:  # noqa: BLE001 - the remaining hooks must run; all failures are raised below
            failures.append(error)
    if failures:
        await send({"type": "lifespan.shutdown.failed", "message": "; ".join(map(repr, failures))})
        raise ExceptionGroup("shutdown hooks failed", failures)
    await send({"type": "lifespan.shutdown.complete"})
