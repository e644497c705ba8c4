"""Reading a seed file."""

import tomllib
from pathlib import Path
from typing import Any

from msgspec import inspect
from msgspec.structs import replace

from grantd.server.administration.seed.model import SeedClient, SeedFile, SeedResourceServer, SeedUser
from grantd.server.settings.convert import Converter
from grantd.server.settings.problems import Problem, SettingsError

FILE_BYTES = 16_777_216
"""Largest seed file."""
_PASSWORD_BYTES = 8_192


def read_seed(path: Path) -> SeedFile:
    """Read a seed file; aliases are resolved and password files are read.

    Args:
        path: the TOML file.

    Raises:
        SettingsError: with everything that is wrong with its form, each with the file's name and the key.
    """
    tree = _read(path)
    root = inspect.type_info(SeedFile)
    converter = Converter(str(path))
    seed: SeedFile = converter.convert(root, tree)  # type: ignore[arg-type]  # a Struct's type is a StructType
    problems = list(converter.problems)
    if problems:
        raise SettingsError(tuple(problems))
    resolved = SeedFile(
        resource_servers=tuple(
            _resource_server(one, f"resource_servers[{index}]", str(path), problems)
            for index, one in enumerate(seed.resource_servers)
        ),
        clients=tuple(_client(one, f"clients[{index}]", str(path), problems) for index, one in enumerate(seed.clients)),
        users=tuple(_user(one, f"users[{index}]", path, problems) for index, one in enumerate(seed.users)),
    )
    if problems:
        raise SettingsError(tuple(problems))
    return resolved


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as opened:
            content = opened.read(FILE_BYTES + 1)
        if len(content) > FILE_BYTES:
            raise SettingsError((Problem("", str(path), f"is larger than {FILE_BYTES} bytes", "split it"),))
        return tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        problem = Problem("", str(path), f"cannot be read ({error.strerror})", "name a readable TOML file")
    except UnicodeDecodeError:
        problem = Problem("", str(path), "is no UTF-8 text", "save it as UTF-8")
    except (tomllib.TOMLDecodeError, ValueError) as error:
        problem = Problem("", str(path), f"is no valid TOML: {error}", "correct it at that place")
    except RecursionError:
        problem = Problem("", str(path), "is nested too deeply", "a seed file has four levels at most")
    raise SettingsError((problem,))


def _client(client: SeedClient, key: str, source: str, problems: list[Problem]) -> SeedClient:
    if client.secret and client.client_secret:
        problems.append(Problem(f"{key}.secret", source, "is given beside client_secret", "keep one of the two"))
    return replace(client, client_secret=client.client_secret or client.secret, secret="")


def _resource_server(server: SeedResourceServer, key: str, source: str, problems: list[Problem]) -> SeedResourceServer:
    if server.id and server.resource_server_id:
        problems.append(Problem(f"{key}.id", source, "is given beside resource_server_id", "keep one of the two"))
    identifier = server.resource_server_id or server.id
    if not identifier:
        problems.append(Problem(f"{key}.resource_server_id", source, "is missing", "set it to text"))
    return replace(server, resource_server_id=identifier, id="", name=server.name or identifier)


def _user(user: SeedUser, key: str, path: Path, problems: list[Problem]) -> SeedUser:
    given = [name for name in ("password", "password_hash", "password_file") if getattr(user, name)]
    if len(given) > 1:
        problems.append(Problem(f"{key}.{given[1]}", str(path), f"is given beside {given[0]}", "keep one of them"))
    if not user.password_file:
        return user
    file = path.parent / user.password_file
    try:
        with file.open("rb") as opened:
            password = opened.read(_PASSWORD_BYTES + 1).decode("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        problems.append(
            Problem(f"{key}.password_file", str(path), f"names {str(file)!r}: {reason}", "name a readable file")
        )
        return user
    if not password:
        problems.append(Problem(f"{key}.password_file", str(path), f"names {str(file)!r}, which is empty", "fill it"))
    return replace(user, password=password, password_file="")
