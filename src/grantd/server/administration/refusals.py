"""Why a change was not made."""


class AdministrationError(Exception):
    """Base of all; the message is for the operator."""


class NotFoundError(AdministrationError):
    """The issuer has no such record."""


class ConflictError(AdministrationError):
    """The record exists already, or somebody else changed it meanwhile."""


class RefusedError(AdministrationError):
    """The record may not be as it was asked for.

    Args:
        problems: one sentence each: which member, what is wrong, what would be right.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


MEANWHILE = "somebody else changed it at the same moment; look again and repeat"
