"""What every test shares."""

import json
import logging
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest

from grantd.server.observe import logs


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _fresh_log_sink() -> None:
    """Let no test write to the standard error that another one replaced and closed."""
    logs._State.sink = None
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, logging.StreamHandler) and getattr(handler.stream, "closed", False):
            root.removeHandler(handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--req-report",
        metavar="FILE",
        type=Path,
        help="write the outcome of every test that names a requirement, as JSON: requirement -> test -> outcome",
    )


def pytest_configure(config: pytest.Config) -> None:
    path: Path | None = config.getoption("--req-report")
    if path is not None:
        config.pluginmanager.register(RequirementReport(path), "requirement-report")


class RequirementReport:
    """Collects the outcome of each test that names requirements."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: dict[str, dict[str, str]] = defaultdict(dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        for marker in item.iter_markers("req"):
            for identifier in marker.args:
                self._note(identifier, report)
        return report

    def _note(self, identifier: str, report: pytest.TestReport) -> None:
        # A test counts as passed only where its set-up, its call and its tear-down all did.
        outcomes = self._outcomes[identifier]
        if report.outcome != "passed":
            outcomes[report.nodeid] = report.outcome
        elif report.when == "call":
            outcomes.setdefault(report.nodeid, "passed")

    def pytest_sessionfinish(self) -> None:
        ordered = {identifier: dict(sorted(tests.items())) for identifier, tests in sorted(self._outcomes.items())}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
