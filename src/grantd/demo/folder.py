"""The data folder of the quickstart: sealing key, settings, database, and what the demo's parties know."""

import os
import secrets
import tomllib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from grantd.server.catalogue import FEATURES
from grantd.server.keys.sealing import create_sealing_key_file

USERNAME = "ana"
PASSWORD = "correct horse battery staple"
PUBLIC_CLIENT = "demo-client"
SERVICE_CLIENT = "demo-service"
RESOURCE_SERVER = "demo-api"
MCP_SERVER = "demo-mcp"
SCOPES = {"notes.read": "read your notes", "notes.write": "add notes"}
LOOPBACK_REDIRECT = "http://127.0.0.1/callback"
_FILE_BYTES = 65_536


class DemoFolderError(Exception):
    """The folder cannot be used; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """Addresses and credentials of one quickstart.

    Args:
        folder: where everything is kept.
        port: of the server; the API has the next one, then come the MCP server and the client page.
        service_secret: secret of the confidential client.
        api_secret: secret of the API.
        mcp_secret: secret of the MCP server.
    """

    folder: Path
    port: int
    service_secret: str
    api_secret: str
    mcp_secret: str

    @property
    def issuer(self) -> str:
        """The issuer's identifier."""
        return f"http://localhost:{self.port}"

    @property
    def resource(self) -> str:
        """The API's identifier, which is also its address."""
        return f"http://localhost:{self.port + 1}/"

    @property
    def mcp_resource(self) -> str:
        """Identifier of the MCP server of ``examples/mcp``, which is registered and started by whoever wants it."""
        return f"http://localhost:{self.port + 2}/mcp"

    @property
    def page(self) -> str:
        """Address of the client page."""
        return f"http://localhost:{self.port + 3}/"

    @property
    def callback(self) -> str:
        """Redirect URI of the client page."""
        return f"{self.page}callback"

    @property
    def settings_file(self) -> Path:
        """The settings, for the other commands."""
        return self.folder / "grantd.toml"


def default_folder() -> Path:
    """Return the folder that is used when nobody names one."""
    state = os.environ.get("XDG_STATE_HOME", "")
    return (Path(state) if state.startswith("/") else Path.home() / ".local" / "state") / "grantd-dev"


def open_folder(folder: Path, *, host: str, port: int) -> Demo:
    """Make the folder, or find it as the last start left it.

    Secrets are made once; addresses follow ``port``.

    Args:
        folder: where everything is kept.
        host: address to listen on.
        port: of the server.

    Raises:
        DemoFolderError: something in the folder cannot be read or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = folder / "sealing.key"
        if not key.exists():
            create_sealing_key_file(key)
        service, api, mcp = _secrets(folder / "demo.toml")
        demo = Demo(folder=folder.resolve(), port=port, service_secret=service, api_secret=api, mcp_secret=mcp)
        _write(folder / "demo.toml", _credentials(demo))
        _write(demo.settings_file, _settings(demo, host))
    except OSError as error:
        raise DemoFolderError(f"cannot use the folder {folder}: {error.strerror or error}") from error
    return demo


def _secrets(path: Path) -> tuple[str, str, str]:
    if not path.exists():
        return secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    try:
        with path.open("rb") as file:
            content = tomllib.loads(file.read(_FILE_BYTES).decode())
        servers = content["resource_servers"]
        return (
            str(content["clients"][SERVICE_CLIENT]["secret"]),
            str(servers[RESOURCE_SERVER]["secret"]),
            str(servers[MCP_SERVER]["secret"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DemoFolderError(f"{path} cannot be read ({error}); remove it to have new secrets made") from error


def _write(path: Path, content: str) -> None:
    # Beside its place first: a crash leaves the old file or the new one.
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _quoted(value: object) -> str:
    # JSON's strings and arrays of strings are TOML's too.
    return msgspec.json.encode(value).decode()


def _credentials(demo: Demo) -> str:
    return f"""\
# Made by `grantd dev`; the secrets stay the same from start to start.
issuer = {_quoted(demo.issuer)}
client_page = {_quoted(demo.page)}

[user]
username = {_quoted(USERNAME)}
password = {_quoted(PASSWORD)}

[clients.{PUBLIC_CLIENT}]
redirect_uris = {_quoted([LOOPBACK_REDIRECT, demo.callback])}

[clients.{SERVICE_CLIENT}]
secret = {_quoted(demo.service_secret)}
redirect_uris = {_quoted([LOOPBACK_REDIRECT])}

[resource_servers.{RESOURCE_SERVER}]
identifier = {_quoted(demo.resource)}
secret = {_quoted(demo.api_secret)}
scopes = {_quoted(list(SCOPES))}

[resource_servers.{MCP_SERVER}]
identifier = {_quoted(demo.mcp_resource)}
secret = {_quoted(demo.mcp_secret)}
scopes = {_quoted(list(SCOPES))}
"""


def _settings(demo: Demo, host: str) -> str:
    drafts = {f.name: f.specification.version for f in FEATURES if f.specification.status == "draft"}
    lines = "".join(f"{name} = {_quoted(version)}\n" for name, version in drafts.items())
    return f"""\
# Written by `grantd dev` at each start. Other commands take it too: grantd client list --config {demo.settings_file}
[server]
host = {_quoted(host)}
port = {demo.port}

[store]
url = {_quoted(f"sqlite:{demo.folder / 'grantd.sqlite3'}")}

[secrets]
sealing_key_file = {_quoted(str(demo.folder / "sealing.key"))}

[log]
level = "info"
format = "console"

[[issuers]]
issuer = {_quoted(demo.issuer)}
name = "grantd demo"
hosts = {_quoted([f"127.0.0.1:{demo.port}"])}

[issuers.keys]
algorithms = ["ES256", "RS256", "EdDSA"]

[drafts]
{lines}"""
