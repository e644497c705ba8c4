"""Writes docs/conformance/requirements.toml from the digests of the specifications.

Run it where the digests are at hand, after a digest changed or a prefix was added to ``SPECIFICATIONS``:

    python scripts/requirements_register.py ../shared/specs
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

REGISTER = Path("docs/conformance/requirements.toml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where the requirements of one prefix stand.

    Args:
        prefix: the part of an id before the number.
        title: number and title of the text.
        digest: file name of the digest.
        complete: every requirement must have a test or an exception; otherwise the tests may name its requirements
            and the page shows those that they name.
    """

    prefix: str
    title: str
    digest: str
    complete: bool = False


SPECIFICATIONS = (
    Source(prefix="OA21", title="OAuth 2.1 (draft-ietf-oauth-v2-1-15 and -16)", digest="oauth-2.1.md", complete=True),
    Source(
        prefix="ISS",
        title="RFC 9207: Authorization Server Issuer Identification",
        digest="oauth-2.1.md",
        complete=True,
    ),
    Source(prefix="ASM", title="RFC 8414: Authorization Server Metadata", digest="oauth-2.1.md", complete=True),
    Source(prefix="RI", title="RFC 8707: Resource Indicators", digest="oauth-2.1.md", complete=True),
    Source(prefix="JAT", title="RFC 9068: JWT Access Tokens", digest="rfc-building-blocks.md", complete=True),
    Source(
        prefix="INTR",
        title="RFC 7662 and RFC 9701: Token Introspection, plain and signed",
        digest="rfc-building-blocks.md",
        complete=True,
    ),
    Source(prefix="REV", title="RFC 7009: Token Revocation", digest="rfc-building-blocks.md", complete=True),
    Source(prefix="PRM", title="RFC 9728: Protected Resource Metadata", digest="oauth-2.1.md"),
    Source(prefix="BCP", title="RFC 9700: Best Current Practice for Security", digest="security-bcp.md"),
    Source(prefix="BBA", title="Browser-Based Applications", digest="security-bcp.md"),
    Source(prefix="NAT", title="RFC 8252: Native Apps", digest="security-bcp.md"),
    Source(prefix="JBCP", title="JSON Web Token Best Current Practices", digest="security-bcp.md"),
    Source(prefix="TX", title="RFC 8693: Token Exchange", digest="rfc-building-blocks.md"),
    Source(prefix="DPOP", title="RFC 9449: DPoP", digest="rfc-building-blocks.md"),
    Source(prefix="OIDC", title="OpenID Connect", digest="rfc-building-blocks.md"),
    Source(prefix="DCR", title="RFC 7591 and RFC 7592: Client Registration", digest="rfc-building-blocks.md"),
)

_LINE = re.compile(
    r"^- (?P<id>[A-Z][A-Z0-9]*-\d+) \[(?P<who>[^\]]+)\] (?P<strength>[A-Z]+(?: NOT)?)(?P<also>[^—]*?) — (?P<rest>.+)$"
)
_SECTION = re.compile(r"\((?P<section>[^()]*(?:\([^()]*\)[^()]*)*)\)\s*$")


def entries(text: str, prefix: str) -> list[dict[str, str]]:
    """Return the requirements of one prefix in a digest, in the digest's order."""
    found = []
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None or not match["id"].startswith(f"{prefix}-"):
            continue
        duty = match["rest"].split(" — test:")[0].strip()
        section = _SECTION.search(duty)
        found.append(
            {
                "id": match["id"],
                "who": match["who"],
                "strength": (match["strength"] + match["also"]).strip(),
                "section": section["section"] if section else "",
                "duty": duty[: section.start()].strip() if section else duty,
            }
        )
    return found


def quoted(value: str) -> str:
    """Return ``value`` as a TOML basic string."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main() -> int:
    """Write the register; the exit status is 2 on wrong use and 1 where a prefix has no requirement."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program's name and one argument
        print(__doc__)
        return 2
    folder = Path(sys.argv[1])
    lines = ["# Written by scripts/requirements_register.py. Do not edit by hand."]
    for source in SPECIFICATIONS:
        found = entries((folder / source.digest).read_text(encoding="utf-8"), source.prefix)
        if not found:
            print(f"{source.digest} has no requirement {source.prefix}-…", file=sys.stderr)
            return 1
        lines += ["", "[[specification]]", f"prefix = {quoted(source.prefix)}", f"title = {quoted(source.title)}"]
        lines.append(f"complete = {'true' if source.complete else 'false'}")
        for entry in found:
            lines += ["", "[[specification.requirement]]"]
            lines += [f"{key} = {quoted(value)}" for key, value in entry.items()]
    REGISTER.parent.mkdir(parents=True, exist_ok=True)
    REGISTER.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
