"""Writes the table of extension points in docs/adding-a-feature.md from their docstrings.

python scripts/extension_reference.py           write the page
python scripts/extension_reference.py --check   write nothing; fail when the page is not up to date
"""

import dataclasses
import inspect
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from grantd.server.extension import Contribution, points  # noqa: E402 - the path comes first

PAGE = ROOT / "docs" / "adding-a-feature.md"
BEGIN = "<!-- points:begin (made by scripts/extension_reference.py) -->"
END = "<!-- points:end -->"


def in_words(docstring: str) -> tuple[str, dict[str, str]]:
    """Return the text of a docstring before its arguments, on one line, and the arguments by name."""
    text, _, arguments = inspect.cleandoc(docstring).partition("\nArgs:\n")
    found = {}
    for entry in re.split(r"\n    (?=\w+: )", "\n" + arguments.rstrip()):
        name, _, words = entry.strip().partition(": ")
        if words:
            found[name] = " ".join(words.split())
    return " ".join(text.split()), found


def row(point: type[Contribution]) -> str:
    """Return the line of a point."""
    text, arguments = in_words(point.__doc__ or "")
    fields = [
        f"`{field.name}`" + (f": {arguments[field.name]}" if field.name in arguments else "")
        for field in dataclasses.fields(point)  # type: ignore[arg-type] # every point is a dataclass
    ]
    owns = ""
    if "claims" in vars(point):
        owns = (inspect.getdoc(point.claims) or "").removeprefix("Own ").rstrip(".")
    cells = (f"`{point.__name__}`", text, "<br>".join(fields), owns)
    return "| " + " | ".join(cell.replace("``", "`").replace("|", "\\|") for cell in cells) + " |\n"


def table() -> str:
    """Return the tables, one a module of points."""
    groups: dict[str, list[type[Contribution]]] = {}
    for name in points.__all__:
        one = getattr(points, name)
        if inspect.isclass(one) and issubclass(one, Contribution):
            groups.setdefault(one.__module__, []).append(one)
    parts = []
    for module in sorted(groups):
        heading = (sys.modules[module].__doc__ or "").strip().splitlines()[0].rstrip(".")
        parts.append(f"\n### {heading}\n\n| Point | What it is | Its fields | It owns |\n|---|---|---|---|\n")
        parts.extend(row(point) for point in groups[module])
    return "".join(parts)


def page(before: str) -> str:
    """Return the page with its table made anew."""
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{PAGE.name} has lost its markers")
    return f"{head}{BEGIN}\n{table()}\n{END}{tail}"


def main() -> int:
    """Write the page, or compare it."""
    before = PAGE.read_text()
    after = page(before)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(after)
    elif after != before:
        print("docs/adding-a-feature.md is not up to date; run scripts/extension_reference.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
