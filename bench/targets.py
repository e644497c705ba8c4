"""Servers under measurement: starting, finding their endpoints, stopping."""

import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from tools import REPOSITORY, BenchError, pinned

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.004
_started: "list[subprocess.Popen[bytes]]" = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Paths."""

    token: str
    authorization: str
    introspection: str
    jwks: str
    metadata: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A running server.

    Args:
        name: its name in the tables.
        version: what runs, for the report.
        store: where it keeps its data, for the report.
        base: scheme, host and port.
        process: leader of the process group whose CPU time counts.
        endpoints: ``None`` for the bare application, which has fixed answers only.
        introspector: identifier and secret of who introspects.
        introspected_resource: ``resource`` of the tokens that are introspected; empty sends none.
        ready_seconds: from the start of the process to its first good answer.
    """

    name: str
    version: str
    store: str
    base: str
    process: "subprocess.Popen[bytes]"
    endpoints: Endpoints | None = None
    introspector: tuple[str, str] = ("", "")
    introspected_resource: str = ""
    ready_seconds: float


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def environment() -> dict[str, str]:
    """Return the environment of the servers: this checkout's sources win."""
    sources = [str(REPOSITORY / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sources), "NODE_ENV": "production"}


def start(
    arguments: list[str], *, cpu: int, log: Path, port: int, path: str
) -> "tuple[subprocess.Popen[bytes], float]":
    """Start a server on one core and wait until a path answers 200.

    Args:
        arguments: the command line.
        cpu: the core.
        log: receives standard output and error.
        port: where it listens on the loopback interface.
        path: what to ask for.

    Returns:
        The process, leader of a group of its own, and the seconds until it was ready.

    Raises:
        BenchError: it ended or did not get ready; carries the end of the log.
    """
    begin = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            pinned(cpu, arguments), stdout=output, stderr=output, env=environment(), start_new_session=True
        )
    _started.append(process)
    while time.perf_counter() - begin < _START_SECONDS and process.poll() is None:
        if _answers(port, path):
            return process, time.perf_counter() - begin
        time.sleep(_POLL_SECONDS)
    stop(process)
    ending = log.read_text(errors="replace")[-2000:]
    raise BenchError(f"{' '.join(arguments)} did not get ready at port {port}:\n{ending}")


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process group, gently at first."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def stop_all() -> None:
    """End whatever was started and still runs."""
    while _started:
        stop(_started.pop())


def discover(base: str, path: str) -> Endpoints:
    """Read the endpoints of a server from its metadata document.

    Raises:
        BenchError: there is none, or it lacks an endpoint.
    """
    connection = HTTPConnection(urlsplit(base).netloc, timeout=10)
    try:
        connection.request("GET", path)
        document: dict[str, str] = json.loads(connection.getresponse().read())
        return Endpoints(
            token=urlsplit(document["token_endpoint"]).path,
            authorization=urlsplit(document["authorization_endpoint"]).path,
            introspection=urlsplit(document["introspection_endpoint"]).path,
            jwks=urlsplit(document["jwks_uri"]).path,
            metadata=path,
        )
    except (OSError, HTTPException, ValueError, KeyError) as error:
        raise BenchError(f"{base}{path} is no metadata document with every endpoint: {error!r}") from error
    finally:
        connection.close()


def _answers(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
