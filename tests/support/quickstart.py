"""Starts the quickstart server as a process of its own."""

import os
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

USERNAME = "ana"
PASSWORD = "correct horse battery staple"
PUBLIC_CLIENT = "demo-client"
CONFIDENTIAL_CLIENT = "demo-service"
REDIRECT_URI = "http://127.0.0.1/callback"
API = "demo-api"
MCP = "demo-mcp"
SCOPE = "notes.read notes.write"

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class Quickstart:
    """A running quickstart server.

    Args:
        issuer: its identifier.
        data: its folder.
        log: file that its standard output and error go to.
        process: to stop or kill it.
        demo: content of ``demo.toml`` in its folder.
    """

    issuer: str
    data: Path
    log: Path
    process: subprocess.Popen[bytes]
    demo: dict[str, Any] = field(repr=False)

    def client_secret(self, client_id: str) -> str:
        """Return the secret of a confidential demo client."""
        return str(self.demo["clients"][client_id]["secret"])

    def resource(self, resource_server_id: str) -> str:
        """Return the identifier of a demo resource server: the value of ``resource`` and of ``aud``."""
        return str(self.demo["resource_servers"][resource_server_id]["identifier"])

    def resource_secret(self, resource_server_id: str) -> str:
        """Return the secret with which a demo resource server calls the introspection endpoint."""
        return str(self.demo["resource_servers"][resource_server_id]["secret"])

    def metadata(self) -> dict[str, Any]:
        """Return the issuer's metadata document."""
        url = f"{self.issuer}/.well-known/oauth-authorization-server"
        document: dict[str, Any] = httpx.get(url, timeout=10, trust_env=False).raise_for_status().json()
        return document


def free_ports(count: int) -> int:
    """Return the first of ``count`` neighbouring ports that were free a moment ago."""
    for _ in range(200):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
        if first + count <= 65_536 and all(_is_free(first + offset) for offset in range(count)):
            return first
    raise RuntimeError("no neighbouring free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def wait_until_answers(url: str, process: subprocess.Popen[bytes], log: Path, *, status: int = 200) -> None:
    """Wait until an address answers with a status; raise with the log when the process ends or takes too long."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the process ended with {process.returncode}:\n{log.read_text(errors='replace')}")
        try:
            if httpx.get(url, timeout=2, trust_env=False).status_code == status:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer {status} in time:\n{log.read_text(errors='replace')}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process the gentle way, and by force when it does not listen."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def start_quickstart(folder: Path) -> Iterator[Quickstart]:
    """Run ``grantd dev`` in a folder until the block ends.

    Four neighbouring ports are taken: the server's, and those of the demo API, of the demo MCP server that the
    quickstart registers, and of the demo client's page.
    """
    port = free_ports(4)
    data = folder / "data"
    log = folder / "quickstart.log"
    command = [sys.executable, "-m", "grantd", "dev", "--host", "127.0.0.1", "--port", str(port), "--data", str(data)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRANTD_")}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the server under test
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder
        )
    try:
        issuer = f"http://localhost:{port}"
        wait_until_answers(f"{issuer}/health/ready", process, log)
        demo = tomllib.loads((data / "demo.toml").read_text(encoding="utf-8"))
        yield Quickstart(issuer=issuer, data=data, log=log, process=process, demo=demo)
    finally:
        stop(process)
