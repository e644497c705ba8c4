"""Writes docs/conformance.md: each requirement of the register with the tests that show it, or why none does.

    python scripts/conformance.py                  write the page
    python scripts/conformance.py --check          write nothing; fail when the page is not up to date
    python scripts/conformance.py --report FILE    also hold the results of a test run against it (the FILE of
                                                   ``pytest --req-report=FILE``)

It fails, with a list, where a requirement has neither a test nor an exception, a test or an exception names an
unknown requirement, an exception is tested all the same, or (with a report) a test of a requirement did not run
or did not pass.
"""

import argparse
import ast
import json
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REGISTER = Path("docs/conformance/requirements.toml")
EXCEPTIONS = Path("docs/conformance/exceptions.toml")
PAGE = Path("docs/conformance.md")
TESTS = Path("tests")


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """One numbered requirement: who must do what, how strongly, by which section."""

    id: str
    who: str
    strength: str
    section: str
    duty: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Specification:
    """One text and its requirements, in order; ``complete`` where none may be without test or exception."""

    prefix: str
    title: str
    complete: bool
    requirements: tuple[Requirement, ...]


def read_register(path: Path) -> tuple[Specification, ...]:
    """Return the register's specifications in its order."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(
        Specification(
            prefix=entry["prefix"],
            title=entry["title"],
            complete=entry["complete"],
            requirements=tuple(Requirement(**requirement) for requirement in entry["requirement"]),
        )
        for entry in document["specification"]
    )


def read_exceptions(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return reason by requirement id, and what is wrong with the file."""
    reasons: dict[str, str] = {}
    wrong = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("exception", []):
        if not entry["reason"].strip():
            wrong.append(f"{', '.join(entry['ids'])}: an exception without a reason")
        for identifier in entry["ids"]:
            if identifier in reasons:
                wrong.append(f"{identifier}: two exceptions")
            reasons[identifier] = entry["reason"].strip()
    return reasons, wrong


def _marked_ids(nodes: Sequence[ast.expr]) -> Iterator[str]:
    """Yield the ids of every ``pytest.mark.req(...)`` within the expressions."""
    for node in nodes:
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "req":
                yield from (
                    argument.value
                    for argument in call.args
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
                )


def _tests_in(body: Sequence[ast.stmt], place: str, inherited: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            for identifier in (*inherited, *_marked_ids(node.decorator_list)):
                yield identifier, f"{place}::{node.name}"
        elif isinstance(node, ast.ClassDef):
            ids = (*inherited, *_marked_ids(node.decorator_list))
            name = f"{place}::{node.name}"
            yield from _tests_in(node.body, name, ids)
            if node.name.endswith(("Machine", "Rules")):  # hypothesis state machines: ``Test… = Machine.TestCase``
                yield from ((identifier, name) for identifier in ids)


def scan_tests(folder: Path) -> dict[str, list[str]]:
    """Return, by requirement id, the tests (``path::name``) whose markers name it; nothing is imported or run."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(folder.rglob("*.py")):
        if "node_modules" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        of_module: tuple[str, ...] = ()
        for node in tree.body:
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
            ):
                of_module = tuple(_marked_ids([node.value]))
        for identifier, test in _tests_in(tree.body, path.as_posix(), of_module):
            found[identifier].add(test)
    return {identifier: sorted(tests) for identifier, tests in found.items()}


def gaps(
    specifications: Sequence[Specification], tests: Mapping[str, Sequence[str]], exceptions: Mapping[str, str]
) -> list[str]:
    """Return what is wrong between register, tests and exceptions, one sentence each."""
    known = {requirement.id for specification in specifications for requirement in specification.requirements}
    wrong = []
    for specification in specifications:
        for requirement in specification.requirements:
            if specification.complete and requirement.id not in tests and requirement.id not in exceptions:
                wrong.append(f"{requirement.id}: neither a test nor an exception ({requirement.duty})")
            if requirement.id in tests and requirement.id in exceptions:
                wrong.append(f"{requirement.id}: tested by {tests[requirement.id][0]} and excepted; drop the exception")
    wrong += [
        f"{name}: named by {where[0]}, unknown here" for name, where in sorted(tests.items()) if name not in known
    ]
    wrong += [f"{name}: an exception for an unknown requirement" for name in sorted(exceptions) if name not in known]
    return wrong


def failures(
    specifications: Sequence[Specification], tests: Mapping[str, Sequence[str]], report: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """Return the requirements whose tests did not all pass in a run.

    Args:
        specifications: the register.
        tests: tests by requirement id, from the source.
        report: outcome by test id by requirement id, from the run.
    """
    wrong = []
    for specification in specifications:
        for requirement in specification.requirements:
            if requirement.id not in tests:
                continue
            outcomes = report.get(requirement.id, {})
            if not outcomes:
                wrong.append(f"{requirement.id}: none of its tests ran")
            wrong += [f"{requirement.id}: {test} {result}" for test, result in outcomes.items() if result != "passed"]
    return wrong


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def render(
    specifications: Sequence[Specification], tests: Mapping[str, Sequence[str]], exceptions: Mapping[str, str]
) -> str:
    """Return the page; it holds nothing but what the arguments say, so that it is the same at each run."""
    rows = [(s, [r for r in s.requirements if s.complete or r.id in tests]) for s in specifications]
    rows = [(s, listed) for s, listed in rows if listed]
    whole = [r for s, listed in rows if s.complete for r in listed]
    shown = sum(r.id in tests for r in whole)
    excepted = sum(r.id in exceptions and r.id not in tests for r in whole)
    lines = [
        "# Conformance",
        "",
        "Written by `make docs` from the requirement register, the markers of the tests and the exceptions.",
        "The build fails when a test that is listed here fails or does not run.",
        "",
        f"{len(whole)} requirements are in scope: {shown} shown by tests, {excepted} excepted with a reason.",
        "Of the texts that are in part in scope, only the requirements that a test names are listed.",
        "",
        "| Specification | In scope | Requirements | Tested | Excepted |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for specification, listed in rows:
        tested = sum(r.id in tests for r in listed)
        excused = sum(r.id in exceptions and r.id not in tests for r in listed)
        scope = "whole" if specification.complete else "part"
        lines.append(
            f"| {_cell(specification.title)} | {scope} | {len(specification.requirements)} | {tested} | {excused} |"
        )
    for specification, listed in rows:
        lines += ["", f"## {specification.title}", "", "| Requirement | Duty | Shown by |", "| --- | --- | --- |"]
        for r in listed:
            proof = "<br>".join(f"`{_cell(test)}`" for test in tests.get(r.id, ()))
            if not proof:
                proof = f"Exception: {_cell(exceptions[r.id])}" if r.id in exceptions else "**nothing yet**"
            section = f" ({_cell(r.section)})" if r.section else ""
            lines.append(f"| {r.id} | [{_cell(r.who)}] {_cell(r.strength)}: {_cell(r.duty)}{section} | {proof} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write or check the page; the exit status is 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the page is not up to date")
    parser.add_argument("--report", type=Path, help="what `pytest --req-report=FILE` wrote")
    arguments = parser.parse_args()

    specifications = read_register(REGISTER)
    exceptions, wrong = read_exceptions(EXCEPTIONS)
    tests = scan_tests(TESTS)
    wrong += gaps(specifications, tests, exceptions)
    if arguments.report is not None:
        wrong += failures(specifications, tests, json.loads(arguments.report.read_text(encoding="utf-8")))
    page = render(specifications, tests, exceptions)
    if not arguments.check:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page:
        wrong.append(f"{PAGE} is not up to date; run `make docs` and commit it")
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    if wrong:
        print(f"conformance: {len(wrong)} to mend", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
