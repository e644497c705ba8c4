"""Settings from one TOML file and the environment."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import inspect

from grantd.server.settings.check import check_settings
from grantd.server.settings.convert import Converter
from grantd.server.settings.environment import overlay
from grantd.server.settings.model import Settings
from grantd.server.settings.problems import Problem, SettingsError

FILE_BYTES = 1_048_576
"""Largest configuration file."""


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read, convert and check the settings.

    Args:
        path: the TOML file, or ``None`` to use the environment alone.
        environ: environment variables; those that begin with ``GRANTD_`` count, and win over the file.

    Returns:
        Settings in which every check of ``check_settings`` holds.

    Raises:
        SettingsError: with everything that is wrong, not only the first thing.
    """
    file = "the environment" if path is None else str(path)
    tree: dict[str, Any] = {} if path is None else _read(path, file)
    root = inspect.type_info(Settings)
    if not isinstance(root, inspect.StructType):
        raise TypeError("Settings is no structure")
    problems = overlay(tree, root, environ)
    converter = Converter(file)
    settings: Settings = converter.convert(root, tree)
    problems += converter.problems
    for finding in check_settings(settings):
        # What could not be read was replaced by a default; judging that would only confuse.
        if not any(_within(broken, key) for broken in converter.broken for key in finding.keys):
            source = converter.sources.get(finding.keys[0], "default")
            problems.append(Problem(finding.keys[0], source, finding.wrong, finding.right))
    if problems:
        raise SettingsError(tuple(problems))
    return settings


def _within(broken: str, key: str) -> bool:
    return key == broken or key.startswith((f"{broken}.", f"{broken}[")) or broken.startswith((f"{key}.", f"{key}["))


def _read(path: Path, file: str) -> dict[str, Any]:
    try:
        with path.open("rb") as opened:
            content = opened.read(FILE_BYTES + 1)
        if len(content) > FILE_BYTES:
            raise SettingsError((Problem("", file, f"is larger than {FILE_BYTES} bytes", "keep settings only in it"),))
        return tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        problem = Problem("", file, f"cannot be read ({reason})", "name a readable TOML file with --config")
    except UnicodeDecodeError:
        problem = Problem("", file, "is no UTF-8 text", "save it as UTF-8")
    except (tomllib.TOMLDecodeError, ValueError) as error:
        problem = Problem("", file, f"is no valid TOML: {error}", "correct it at that place")
    except RecursionError:
        problem = Problem("", file, "is nested too deeply", "settings have five levels at most")
    raise SettingsError((problem,))
