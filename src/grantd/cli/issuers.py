"""``grantd issuer``."""

import json as json_
import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from grantd.cli.clients import print_record
from grantd.cli.opening import choose, explained, read_settings
from grantd.cli.terminal import WRONG_USE, fail, show, show_json, show_table
from grantd.core.issuers import well_known_paths
from grantd.server.deployment import compose
from grantd.server.settings import IssuerSettings, Problem, Settings, SettingsError


def list_issuers(config: Path | None, *, json: bool) -> None:
    """List the issuers of the settings."""
    with explained():
        settings = read_settings(config)
    rows = [{"issuer": one.issuer, "name": one.name, "algorithms": one.keys.algorithms} for one in settings.issuers]
    if json:
        show_json(rows)
        return
    show_table(
        ("ISSUER", "NAME", "KEYS"),
        [(one.issuer, one.name, " ".join(one.keys.algorithms)) for one in settings.issuers],
    )


def show_issuer(config: Path | None, identifier: str, *, json: bool) -> None:
    """Show settings, features and addresses of an issuer."""
    with explained():
        settings = read_settings(config)
        wanted = choose([one.issuer for one in settings.issuers], identifier)
        issuer = next(one for one in settings.issuers if one.issuer == wanted)
        record: dict[str, Any] = msgspec.to_builtins(issuer)
        record["features"] = sorted(compose(settings, issuer).names)
    origin = "/".join(wanted.split("/", 3)[:3])
    record["metadata"] = origin + well_known_paths(wanted, "oauth-authorization-server").inserted
    print_record(record, json=json)


def add_issuer(config: Path | None, identifier: str, *, name: str) -> None:
    """Append an issuer to the settings file when everything together is still right."""
    if config is None:
        fail("name the settings file with --config; the new issuer is written into it", code=WRONG_USE)
    with explained():
        before = read_settings(config)
        if any(one.issuer == identifier for one in before.issuers):
            fail(f"{config} has the issuer {identifier!r} already")
        table = {"issuer": identifier, **({"name": name} if name else {})}
        _append(config, _toml(table), identifier)
    show(f"{config} has the issuer {identifier} now; restart the server to take it over")


def _toml(table: dict[str, str]) -> str:
    lines = []
    for key, value in table.items():
        if not value.isprintable():
            fail(f"{key} has control characters", code=WRONG_USE)
        # What JSON escapes in printable text (quotation marks, backslashes) TOML's basic strings escape alike.
        lines.append(f"{key} = {json_.dumps(value, ensure_ascii=False)}\n")
    return "".join(["\n[[issuers]]\n", *lines])


def _append(config: Path, addition: str, identifier: str) -> None:
    try:
        text = config.read_text(encoding="utf-8")
        mode = config.stat().st_mode & 0o777
        descriptor, name = tempfile.mkstemp(dir=config.resolve().parent, prefix=f".{config.name}-")
    except OSError as error:
        fail(f"cannot change {config}: {error.strerror or error}")
    candidate = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text if text.endswith("\n") or not text else text + "\n")
            file.write(addition)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        _check(candidate, config, identifier)
        candidate.replace(config.resolve())
    finally:
        candidate.unlink(missing_ok=True)


def _check(candidate: Path, config: Path, identifier: str) -> None:
    try:
        settings: Settings = read_settings(candidate)
    except SettingsError as error:
        # The operator knows the file by its own name.
        problems = tuple(
            Problem(p.key, str(config) if p.source == str(candidate) else p.source, p.wrong, p.right)
            for p in error.problems
        )
        raise SettingsError(problems) from error
    added: list[IssuerSettings] = [one for one in settings.issuers if one.issuer == identifier]
    if not added:
        fail(
            f"the issuers of {config} are set by the environment or as one inline list; add {identifier!r} there",
        )
    compose(settings, added[0])
