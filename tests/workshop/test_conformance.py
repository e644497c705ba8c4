"""The conformance page and the marker machinery that feeds it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from scripts.conformance import Requirement, Specification, failures, gaps, read_exceptions, render, scan_tests

FIRST = Requirement(id="AB-01", who="AS", strength="MUST", section="2", duty="keep a | apart")
SECOND = Requirement(id="AB-02", who="AS", strength="MAY", section="", duty="rest")
WHOLE = Specification(prefix="AB", title="A text", complete=True, requirements=(FIRST, SECOND))
PART = Specification(prefix="AB", title="A text", complete=False, requirements=(FIRST, SECOND))
TEST = "tests/test_a.py::test_one"


def test_a_requirement_has_a_test_or_an_exception() -> None:
    assert gaps([WHOLE], {"AB-01": [TEST]}, {"AB-02": "later"}) == []


@pytest.mark.parametrize(
    ("tests", "exceptions", "complaint"),
    [
        ({"AB-01": [TEST]}, {}, "AB-02: neither a test nor an exception"),
        ({"AB-01": [TEST], "AB-02": [TEST]}, {"AB-02": "later"}, "AB-02: tested by"),
        ({"AB-01": [TEST], "AB-02": [TEST], "AB-99": [TEST]}, {}, "AB-99: named by"),
        ({"AB-01": [TEST], "AB-02": [TEST]}, {"AB-99": "later"}, "AB-99: an exception for an unknown"),
    ],
)
def test_gaps_are_named(tests: dict[str, list[str]], exceptions: dict[str, str], complaint: str) -> None:
    found = gaps([WHOLE], tests, exceptions)
    assert len(found) == 1
    assert found[0].startswith(complaint)


def test_a_text_in_part_in_scope_may_have_gaps() -> None:
    assert gaps([PART], {"AB-01": [TEST]}, {}) == []
    page = render([PART], {"AB-01": [TEST]}, {})
    assert "AB-01" in page
    assert "AB-02" not in page


@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_a_test_that_did_not_pass_shows_nothing(outcome: str) -> None:
    tests = {"AB-01": [TEST]}
    assert failures([WHOLE], tests, {"AB-01": {TEST: "passed"}}) == []
    assert failures([WHOLE], tests, {"AB-01": {TEST: "passed", "other": outcome}}) == [f"AB-01: other {outcome}"]
    assert failures([WHOLE], tests, {}) == ["AB-01: none of its tests ran"]


def test_the_page_is_a_table_and_always_the_same() -> None:
    page = render([WHOLE], {"AB-01": [TEST]}, {"AB-02": "later"})
    assert "2 requirements are in scope: 1 shown by tests, 1 excepted" in page
    assert f"| AB-01 | [AS] MUST: keep a \\| apart (2) | `{TEST}` |" in page
    assert "| AB-02 | [AS] MAY: rest | Exception: later |" in page
    assert page == render([WHOLE], {"AB-01": [TEST]}, {"AB-02": "later"})


def test_exceptions_need_a_reason_and_stand_once(tmp_path: Path) -> None:
    file = tmp_path / "exceptions.toml"
    file.write_text(
        '[[exception]]\nids = ["AB-01"]\nreason = " "\n[[exception]]\nids = ["AB-01"]\nreason = "later"\n',
        encoding="utf-8",
    )
    reasons, wrong = read_exceptions(file)
    assert reasons == {"AB-01": "later"}
    assert len(wrong) == 2


MARKED = """
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.req("AB-01")]

@pytest.mark.req("AB-02", "AB-03")
@pytest.mark.parametrize("x", [1, 2])
def test_one(x): assert x

@pytest.mark.req("AB-04")
class TestGroup:
    @pytest.mark.req("AB-05")
    async def test_two(self): assert False

@pytest.mark.req("AB-06")
def helper(): pass
"""


def test_markers_are_read_from_module_class_and_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("tests")
    folder.mkdir()
    (folder / "test_a.py").write_text(MARKED, encoding="utf-8")
    two = "tests/test_a.py::TestGroup::test_two"
    assert scan_tests(folder) == {
        "AB-01": sorted([two, TEST]),
        "AB-02": [TEST],
        "AB-03": [TEST],
        "AB-04": [two],
        "AB-05": [two],
    }


RUN = """
import pytest

@pytest.fixture
def broken():
    yield
    raise RuntimeError

@pytest.mark.req("AB-01")
@pytest.mark.parametrize("x", [1, 0])
def test_one(x): assert x

@pytest.mark.req("AB-02")
def test_tear_down(broken): pass

@pytest.mark.req("AB-03")
def test_skipped(): pytest.skip("why not")

@pytest.mark.req("AB-04")
def test_passes(): pass

def test_without_requirement(): pass
"""


def test_a_run_reports_outcomes_by_requirement(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((Path(__file__).parents[1] / "conftest.py").read_text(), encoding="utf-8")
    (tmp_path / "test_a.py").write_text(RUN, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  req(*ids): requirements\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--req-report=report.json"]
    subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, timeout=60)  # noqa: S603 - pytest itself
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == {
        "AB-01": {"test_a.py::test_one[0]": "failed", "test_a.py::test_one[1]": "passed"},
        "AB-02": {"test_a.py::test_tear_down": "failed"},
        "AB-03": {"test_a.py::test_skipped": "skipped"},
        "AB-04": {"test_a.py::test_passes": "passed"},
    }
