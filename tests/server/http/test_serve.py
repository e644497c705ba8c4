"""Starting and ending a server process."""

import json
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.server.http.edge_server import Connection, Running, Seen, request

from grantd.server.http.serve import listen

ROOT = Path(__file__).parents[3]

PROGRAM = textwrap.dedent(
    """
    import json, sys
    from grantd.server.http.routes import Route, StaticEntity
    from grantd.server.http.serve import SideListener, serve
    from grantd.server.settings.model import LimitSettings, ServerSettings
    from tests.server.http.edge_server import Seen, application

    async def side(scope, receive, send):
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"side"})

    async def start():
        if "fail" in sys.argv:
            raise RuntimeError("no database")
        print(json.dumps("started"), flush=True)

    async def stop():
        print(json.dumps("stopped"), flush=True)

    app = application(Seen())
    app._on_startup.append(start)
    app._on_shutdown.append(stop)

    def drain():
        app.draining = True
        print(json.dumps("draining"), flush=True)

    serve(
        app,
        ServerSettings(port=0, limits=LimitSettings(drain_seconds=float(sys.argv[1]))),
        sides=[SideListener(application=side, host="127.0.0.1", port=int(sys.argv[2]))] if sys.argv[2] != "none" else [],
        on_listening=lambda host, port: print(json.dumps([host, port]), flush=True),
        on_draining=drain,
    )
    print(json.dumps("end"), flush=True)
    """
)


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - the program above
        [sys.executable, "-W", "error", "-c", PROGRAM, *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: "subprocess.Popen[str]") -> Iterator[Any]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_open_requests_end(number: signal.Signals) -> None:
    side_port = free_port()
    with start("5", str(side_port)) as process:
        words = said(process)
        assert next(words) == "started"
        host, port = next(words)
        with Connection(Running((host, port), Seen())) as open_one:
            with Connection(Running(("127.0.0.1", side_port), Seen())) as side:
                side.send(request())
                assert side.response()[2] == b"side"
            open_one.send(request(b"/slow"))
            time.sleep(0.05)
            process.send_signal(number)
            assert next(words) == "draining"
            assert open_one.response()[2] == b'{"slow":true}'
            assert open_one.closes()
        assert list(words) == ["stopped", "end"]
        assert process.wait(10) == 0


def test_the_drain_ends_after_its_time() -> None:
    with start("1", "none") as process:
        words = said(process)
        next(words)
        host, port = next(words)
        with Connection(Running((host, port), Seen())) as stuck:
            stuck.send(request(b"/token", b"Content-Length: 5", method=b"POST"))
            time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            started = time.monotonic()
            assert list(words) == ["draining", "stopped", "end"]
            assert time.monotonic() - started < 5
        assert process.wait(10) == 0


def test_a_failing_start_ends_with_a_status() -> None:
    with start("1", "none", "fail") as process:
        assert list(said(process)) == []
        assert process.wait(10) != 0


def test_ports_are_shared_only_when_asked() -> None:
    first = listen("127.0.0.1", 0, reuse_port=True)
    port = first.getsockname()[1]
    second = listen("127.0.0.1", port, reuse_port=True)
    with pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", port)
    first.close()
    second.close()


def test_ipv6_addresses_are_listened_on() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    sock = listen("::1", 0)
    assert sock.family is socket.AF_INET6
    sock.close()
