"""Asking all questions in order, and printing the answers."""

import asyncio
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import typer

from grantd.cli.doctor import installation, network, records
from grantd.cli.opening import explain
from grantd.cli.terminal import FAILED, printable, show, show_json
from grantd.server.deployment import open_deployment
from grantd.server.extension.points import DoctorCheck, Finding
from grantd.server.issuer import Issuer
from grantd.server.observe.logs import configure
from grantd.server.settings import LogSettings, Settings, SettingsError
from grantd.server.settings.load import load_settings

_MARKS = {"ok": "ok     ", "warning": "WARNING", "error": "ERROR  "}


def check(config: Path | None, *, json: bool) -> None:
    """Judge settings, features, sealing key and database without changing anything."""
    settings, findings = _settings(config)
    if settings is not None:
        findings += [*installation.features(settings), *installation.sealing_key(settings)]
        findings += installation.schema(settings)
    _finish(findings, json=json)


def doctor(config: Path | None, *, json: bool) -> None:
    """Judge everything that can be seen from this machine."""
    configure(LogSettings(level="error", format="console"))
    settings, findings = _settings(config)
    if settings is not None:
        findings += [*installation.features(settings), *installation.sealing_key(settings)]
        findings += installation.files(settings, config)
        findings += [*installation.schema(settings), *installation.database(settings)]
        findings += installation.clock()
        sound = all(finding.level != "error" for finding in findings)
        if sound and settings.store.url != "memory:":
            findings += asyncio.run(_ask_records(settings))
        findings += [*network.listening(settings), *network.issuers(settings)]
    _finish(findings, json=json)


def _settings(config: Path | None) -> tuple[Settings | None, list[Finding]]:
    subject = str(config) if config is not None else "the environment"
    try:
        settings = load_settings(config, os.environ)
    except SettingsError as error:
        return None, [
            Finding(
                level="error",
                subject=f"{problem.key} (from {problem.source})" if problem.key else problem.source,
                text=problem.wrong,
                remedy=problem.right,
            )
            for problem in error.problems
        ]
    return settings, [Finding(level="ok", subject=subject, text=f"the settings of {len(settings.issuers)} issuers")]


async def _ask_records(settings: Settings) -> list[Finding]:
    try:
        deployment = await open_deployment(settings)
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        return [Finding(level="error", subject="start", text=line) for line in known[0]]
    findings: list[Finding] = []
    try:
        for issuer in deployment.issuers:
            findings += records.keys(issuer)
            findings += await records.resource_servers(issuer)
            findings += await records.clients(issuer)
            findings += await _ask_features(issuer)
    finally:
        await deployment.close()
    return findings


async def _ask_features(issuer: Issuer) -> list[Finding]:
    findings: list[Finding] = []
    for question in issuer.registry.of(DoctorCheck):
        try:
            findings += await question.run(issuer)
        except Exception as error:  # noqa: BLE001 - one broken question must not hide the other answers
            text = f"could not be asked: {type(error).__name__}: {error}"
            findings.append(Finding(level="warning", subject=f"{issuer.identifier}: {question.name}", text=text))
    return findings


def _finish(findings: Iterable[Finding], *, json: bool) -> None:
    findings = list(findings)
    errors = sum(finding.level == "error" for finding in findings)
    warnings = sum(finding.level == "warning" for finding in findings)
    if json:
        show_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            show(f"{_MARKS[finding.level]} {printable(finding.subject)}: {printable(finding.text)}")
            if finding.remedy and finding.level != "ok":
                show(f"        -> {printable(finding.remedy)}")
        show(f"{errors} errors, {warnings} warnings")
    if errors:
        raise typer.Exit(FAILED)
