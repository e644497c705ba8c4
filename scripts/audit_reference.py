"""Make ``docs/audit.md`` from the event types that exist; with ``--check`` only say whether it is up to date."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from grantd.server.observe.audit_types import EVENT_TYPES  # noqa: E402 - the path comes first

PAGE = ROOT / "docs" / "audit.md"
HEAD = """# Audit events

<!-- Made by scripts/audit_reference.py; change src/grantd/server/observe/audit_types.py instead. -->

Every event says when (`at`), what (`type`), how it went (`outcome`: `success` or `failure`), who did it (`actor`), to
whom (`subject`), for which client (`client_id`), and in which request (`correlation_id`). Secrets, tokens, codes and
passwords are never part of an event.

Events are appended only. Per issuer, node and epoch (one start of a process) they form a chain: `sequence` counts
without gaps from 1, `previous_hash` is the `hash` of the event before, and `hash` is the SHA-256 of the event as JSON
with sorted members, `hash` empty and bytes in base64. A changed, removed or inserted event breaks the chain; removing
the newest events of a chain does not show in the chain itself.

Events are written within `audit.flush_seconds`. When the store does not take them and 10,000 wait, requests that would
have to be recorded are answered with 503: nothing happens unseen. A process that is killed loses the events of the
last `audit.flush_seconds`.

| Type | Meaning | Details |
|---|---|---|
"""


def page() -> str:
    """Return the whole page."""
    rows = [
        f"| `{one.name}` | {one.documentation} | "
        + "; ".join(f"`{name}`: {words}" for name, words in one.details.items())
        + " |\n"
        for one in sorted(EVENT_TYPES, key=lambda one: one.name)
    ]
    return HEAD + "".join(rows)


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" in sys.argv[1:]:
        if PAGE.exists() and PAGE.read_text() == text:
            return 0
        print("docs/audit.md is not up to date; run scripts/audit_reference.py", file=sys.stderr)
        return 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
