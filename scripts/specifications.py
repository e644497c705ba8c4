"""Make the table of specifications in README.md from the installed features; ``--check`` only says if it is right."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from grantd.server.catalogue import FEATURES  # noqa: E402 - the path comes first

PAGE = ROOT / "README.md"
BEGIN, END = "<!-- specifications:begin -->\n", "<!-- specifications:end -->"


def table() -> str:
    """Return the table: one row a feature, those of one text together."""
    rows = ["| Specification | Version | Feature | What it does here |", "| --- | --- | --- | --- |"]
    ours = [feature for feature in FEATURES if feature.specification.status == "house"]
    texts = [feature for feature in FEATURES if feature not in ours]
    for feature in sorted(texts, key=lambda feature: (feature.specification.number, feature.specification.version)):
        text = feature.specification
        rows.append(f"| [{text.number}]({text.link}) | {text.version} | `{feature.name}` | {feature.summary} |")
    rows.extend(f"| (ours) | | `{feature.name}` | {feature.summary} |" for feature in ours)
    return "\n".join(rows) + "\n"


def main() -> int:
    """Write the table, or compare."""
    before = PAGE.read_text()
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    after = head + BEGIN + table() + END + tail
    if "--check" in sys.argv[1:]:
        if after != before:
            print("the table of specifications in README.md is not up to date; run `make docs`", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(after)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
