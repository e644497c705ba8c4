"""Make ``docs/metrics.md`` from the metrics that exist; with ``--check`` only say whether it is up to date."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from grantd.server.observe.families import FAMILIES, Family  # noqa: E402 - the path comes first
from grantd.server.observe.metrics import OTHER  # noqa: E402 - the path comes first

PAGE = ROOT / "docs" / "metrics.md"
DEPLOYMENT = {
    "route": "names of the routes",
    "grant_type": "grant types of the installed features",
    "method": "client authentication methods of the installed features",
    "issuer": "configured issuers",
    "kind": "kinds of records",
}
HEAD = f"""# Metrics

<!-- Made by scripts/metrics_reference.py; change src/grantd/server/observe/families.py instead. -->

`GET /metrics` on the listener of `[metrics]` answers in the text format of Prometheus, or in OpenMetrics when the
scraper asks for it. Each process counts for itself.

Labels are bounded: they have the values below and `{OTHER}`, never a client, a user or foreign text. The metrics of the
process itself (`process_*`, `python_*`) are those of the Prometheus client library.
"""


def label(family: Family, name: str) -> str:
    """Describe a label and the values that it can have."""
    values = family.values.get(name)
    return f"`{name}`: " + (", ".join(f"`{one}`" for one in values) if values else DEPLOYMENT[name])


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for family in FAMILIES:
        name = family.name + ("_total" if family.kind == "counter" else "")
        parts.append(f"\n## `{name}`\n\n{family.kind.capitalize()}. {family.documentation}\n")
        if family.labels:
            parts.append("\n" + "".join(f"- {label(family, one)}\n" for one in family.labels))
        if family.buckets:
            parts.append(f"\nBuckets: {', '.join(f'{one:g}' for one in family.buckets)}.\n")
    return "".join(parts)


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" in sys.argv[1:]:
        if PAGE.exists() and PAGE.read_text() == text:
            return 0
        print("docs/metrics.md is not up to date; run scripts/metrics_reference.py", file=sys.stderr)
        return 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
