"""What is wrong with settings, in the words that an operator needs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to repair.

    Args:
        key: full dotted path with indices, ``issuers[0].lifetimes.access_token``; empty for the file as a whole.
        source: the file's name, the variable's name, or ``default``.
        wrong: what is wrong, continuing the key.
        right: what would be right.
    """

    key: str
    source: str
    wrong: str
    right: str

    def __str__(self) -> str:
        subject = f"{self.key} (from {self.source})" if self.key else self.source
        return f"{subject} {self.wrong}; {self.right}"


class SettingsError(Exception):
    """The settings cannot be used.

    Args:
        problems: everything that was found, never empty.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def nearest(word: str, known: list[str]) -> str:
    """Return the known word that ``word`` was probably meant to be, or the empty string."""
    import difflib  # noqa: PLC0415 - only broken settings need it

    found = difflib.get_close_matches(word[:64].lower(), known, n=1)
    return found[0] if found else ""


def shown(value: object) -> str:
    """Return a value as it may stand in a message: at most 60 characters."""
    text = repr(value) if isinstance(value, str | int | float | bool) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - fits one line of a terminal
