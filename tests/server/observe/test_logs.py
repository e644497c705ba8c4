import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from grantd.server.observe import logs
from grantd.server.observe.logs import configure, get_logger
from grantd.server.settings import LogSettings

LOG = get_logger("grantd.test")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    access = logging.getLogger("uvicorn.access")
    handlers, level, state = root.handlers[:], root.level, (logs._State.threshold, logs._State.sink)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    access.disabled = False
    logs._State.threshold, logs._State.sink = state


def written(settings: LogSettings) -> io.StringIO:
    stream = io.StringIO()
    configure(settings, stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_writes_one_json_line() -> None:
    stream = written(LogSettings())
    LOG.info("code redeemed", correlation_id="c-1", client_id="web", count=3)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "code redeemed",
        "level": "info",
        "logger": "grantd.test",
        "correlation_id": "c-1",
        "client_id": "web",
        "count": 3,
    }


def test_leaves_out_what_is_below_the_level() -> None:
    stream = written(LogSettings(level="warning"))
    LOG.debug("a")
    LOG.info("b")
    LOG.warning("c")
    LOG.error("d")
    assert [line["event"] for line in lines(stream)] == ["c", "d"]
    assert not LOG.is_enabled_for(logging.INFO)
    stream = written(LogSettings(level="debug"))
    LOG.debug("a")
    assert [line["event"] for line in lines(stream)] == ["a"]


def fail(local: str) -> None:
    raise ValueError(f"refresh_token={local}")


@pytest.mark.req("OA21-151")
@pytest.mark.parametrize("style", ["json", "console"])
def test_masks_secrets(style: Any) -> None:
    stream = written(LogSettings(format=style))
    LOG.info("got", client_secret="s3cr3t-1", form={"password": "s3cr3t-2"}, headers=[("Cookie", b"s3cr3t-3")])
    LOG.info("GET /cb?code=s3cr3t-4", url="https://a.example/?access_token=s3cr3t-5")
    secret = "s3cr3t-6"
    try:
        fail(secret)
    except ValueError:
        LOG.exception("failed")
    logging.getLogger("uvicorn.error").warning("POST body client_assertion=%s", "s3cr3t-8")
    text = stream.getvalue()
    assert "s3cr3t" not in text
    assert "ValueError" in text
    assert "POST body" in text


def test_takes_the_lines_of_the_standard_library() -> None:
    stream = written(LogSettings())
    logging.getLogger("uvicorn.error").info("Started %s", "process")
    logging.getLogger("asyncio").warning("slow callback")
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("worth it")
    logging.getLogger("uvicorn.access").info("GET /cb?code=x")
    found = [(line["logger"], line["level"], line["event"]) for line in lines(stream)]
    assert found == [
        ("uvicorn.error", "info", "Started process"),
        ("asyncio", "warning", "slow callback"),
        ("some.library", "warning", "worth it"),
    ]


def test_values_of_any_kind_are_written() -> None:
    stream = written(LogSettings())
    LOG.warning("odd", value=object(), group={1}, raw=b"x", error=ValueError("v"))
    (line,) = lines(stream)
    assert line["error"] == "v"
    assert line["group"] == [1]


def test_asking_for_a_logger_loads_nothing_and_rich_stays_out() -> None:
    code = (
        "import sys; from grantd.server.observe.logs import configure, get_logger\n"
        "get_logger('x'); assert 'structlog' not in sys.modules\n"
        "from grantd.server.settings import LogSettings; configure(LogSettings())\n"
        "assert 'structlog' in sys.modules and 'rich' not in sys.modules\n"
        "import rich.console"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={"PYTHONPATH": "src"}
    )
    assert done.returncode == 0, done.stderr
