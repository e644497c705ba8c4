"""grantd under measurement. All that the bench knows of its command line, its files and its paths stands here."""

import base64
import os
import secrets
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import apsw

import grantd
from targets import Target, discover, environment, free_port, start
from tools import BenchError, file_system
from workload import (
    CLIENT_ID,
    CLIENT_SECRET,
    PASSWORD,
    REDIRECT_URI,
    RESOURCE,
    RESOURCE_SERVER_ID,
    RESOURCE_SERVER_SECRET,
    SCOPE,
)

COMMAND = [sys.executable, "-m", "grantd"]
READY = "/health/ready"
_DATABASE = "grantd.sqlite3"
_METADATA = "/.well-known/oauth-authorization-server"

_CONFIGURATION = """\
[server]
host = "127.0.0.1"
port = {port}

[store]
url = "sqlite:{directory}/{database}"
synchronous = "full"

[secrets]
sealing_key_file = "{directory}/sealing.key"
"""

_ISSUER = """
[[issuers]]
issuer = "{issuer}"
name = "Bench"
"""

_SEED = """\
[[resource_servers]]
resource_server_id = "{resource_server_id}"
name = "Bench API"
identifiers = ["{resource}"]
scopes = {{ {scope} = "read" }}
secret = "{resource_server_secret}"

[[clients]]
client_id = "{client_id}"
client_secret = "{client_secret}"
client_name = "Bench"
redirect_uris = ["{redirect_uri}"]
grant_types = ["authorization_code", "client_credentials", "refresh_token"]
token_endpoint_auth_method = "client_secret_basic"
scope = "{scope}"
first_party = true
skip_consent = true
"""

_USER = """
[[users]]
username = "user-{number}"
password = "{password}"
"""


def start_grantd(directory: Path, *, cpu: int, users: int, interpreter: tuple[str, ...] = ()) -> Target:
    """Make a deployment with one issuer, seed it, and start it.

    Args:
        directory: receives configuration, database, sealing key and log; on a real disk.
        cpu: the core that it runs on.
        users: how many users to seed, ``user-0`` and on.
        interpreter: arguments between Python and ``-m grantd``.

    Raises:
        BenchError: a command failed, or the server does not start.
    """
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    configuration = write_configuration(directory, port=port, issuers=[base])
    seed = directory / "seed.toml"
    seed.write_text(_seed(users))
    run("migrate", "--config", str(configuration))
    run("seed", "--config", str(configuration), str(seed))
    process, seconds = serve(configuration, cpu=cpu, port=port, log=directory / "grantd.log", interpreter=interpreter)
    return Target(
        name="grantd",
        version=f"grantd {grantd.__version__} on Python {sys.version.split()[0]}, uvicorn {version('uvicorn')}, "
        f"cryptography {version('cryptography')}",
        store=f"SQLite {apsw.sqlitelibversion()} in {_journal(directory / _DATABASE)} mode, configured with "
        f"synchronous=FULL, on {file_system(directory)}",
        base=base,
        process=process,
        endpoints=discover(base, _METADATA),
        introspector=(RESOURCE_SERVER_ID, RESOURCE_SERVER_SECRET),
        introspected_resource=RESOURCE,
        ready_seconds=seconds,
    )


def write_configuration(directory: Path, *, port: int, issuers: list[str]) -> Path:
    """Write a configuration and its sealing key; everything else has its default.

    Returns:
        The path of the configuration.
    """
    key = directory / "sealing.key"
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"="))
    text = _CONFIGURATION.format(port=port, directory=directory, database=_DATABASE)
    path = directory / "grantd.toml"
    path.write_text(text + "".join(_ISSUER.format(issuer=issuer) for issuer in issuers))
    return path


def serve(
    configuration: Path, *, cpu: int, port: int, log: Path, interpreter: tuple[str, ...] = ()
) -> "tuple[subprocess.Popen[bytes], float]":
    """Start the server of a configuration.

    Returns:
        The process, and the seconds until it was ready.

    Raises:
        BenchError: it does not start.
    """
    arguments = [sys.executable, *interpreter, "-m", "grantd", "serve", "--config", str(configuration)]
    return start(arguments, cpu=cpu, log=log, port=port, path=READY)


def run(*arguments: str) -> None:
    """Run a command of grantd to its end.

    Raises:
        BenchError: it failed; carries what it printed.
    """
    done = subprocess.run([*COMMAND, *arguments], env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"grantd {' '.join(arguments)} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")


def _journal(database: Path) -> str:
    """Return the journal mode that a database file states (SQLite file format, section 1.3.3).

    Raises:
        BenchError: grantd keeps its data elsewhere, so that the report would be wrong about its store.
    """
    head = database.read_bytes()[:20] if database.exists() else b""
    if not head.startswith(b"SQLite format 3\0"):
        raise BenchError(f"{database} is no SQLite database: grantd did not use the configured store")
    return "WAL" if head[18:20] == b"\2\2" else "rollback journal"


def _seed(users: int) -> str:
    head = _SEED.format(
        resource_server_id=RESOURCE_SERVER_ID,
        resource_server_secret=RESOURCE_SERVER_SECRET,
        resource=RESOURCE,
        scope=SCOPE,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        redirect_uri=REDIRECT_URI,
    )
    return head + "".join(_USER.format(number=number, password=PASSWORD) for number in range(users))
