"""From the settings to an open deployment, with every failure in words that an operator can use."""

import asyncio
import os
import pwd
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

import typer

from grantd.cli.terminal import FAILED, WRONG_USE, fail, tell
from grantd.core.errors import OAuthError
from grantd.server.administration import AdministrationError, RefusedError
from grantd.server.deployment import Deployment, open_deployment
from grantd.server.extension import CompositionError
from grantd.server.issuer import Issuer
from grantd.server.keys import SealingKeyError, UnsealError
from grantd.server.keys.lifecycle import KeyChangeConflictError
from grantd.server.observe.logs import configure
from grantd.server.settings import LogSettings, Settings, SettingsError
from grantd.server.settings.load import load_settings
from grantd.storage.open import SchemaError
from grantd.storage.port import StoreUnavailableError
from grantd.storage.url import StoreUrlError

T = TypeVar("T")

_OTHER_SEALING_KEY = (
    "the sealing key is not the one that this database was made with: put that one into "
    "secrets.sealing_key_file (an older key goes behind the new one, on a line of its own)"
)


def actor() -> str:
    """Return who runs this process, for the audit log: the account of the operating system, not of the environment."""
    number = os.getuid()
    try:
        return f"os:{pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"os:{number}"


def explain(error: BaseException) -> tuple[list[str], int] | None:  # noqa: PLR0911 - one return a kind of error
    """Return what to tell an operator about an error, and the exit code; ``None`` for what nobody foresaw."""
    match error:
        case SettingsError():
            return [str(problem) for problem in error.problems], WRONG_USE
        case CompositionError() | StoreUrlError():
            return [str(error)], WRONG_USE
        case RefusedError():
            return error.problems, FAILED
        case UnsealError():
            return [_OTHER_SEALING_KEY], FAILED
        case SchemaError() | SealingKeyError() | AdministrationError() | KeyChangeConflictError():
            return [str(error)], FAILED
        case StoreUnavailableError():
            return [f"the database cannot be used: {error}"], FAILED
        case OAuthError():
            return [error.detail or error.description], FAILED
        case _:
            return None


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors that an operator can do something about into lines on standard error and an exit code."""
    try:
        yield
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        lines, code = known
        for line in lines:
            tell(f"grantd: {line}")
        raise typer.Exit(code) from error


def read_settings(config: Path | None) -> Settings:
    """Load the settings of a command.

    Raises:
        SettingsError: with everything that is wrong.
    """
    return load_settings(config, os.environ)


def choose(identifiers: Sequence[str], wanted: str) -> str:
    """Return the issuer that a command is about, or end it with a list of those that there are."""
    if not wanted and len(identifiers) == 1:
        return identifiers[0]
    if wanted in identifiers:
        return wanted
    if wanted:
        problem = f"the settings have no issuer {wanted!r}; they have"
    else:
        problem = f"the settings have {len(identifiers)} issuers; name one with --issuer:"
    return fail(f"{problem} {', '.join(identifiers)}", code=WRONG_USE)


@asynccontextmanager
async def opened(config: Path | None) -> AsyncIterator[Deployment]:
    """Open the deployment of the settings for one command; what it recorded is written at the end."""
    settings = read_settings(config)
    configure(LogSettings(level="warning", format="console"))
    if settings.store.url == "memory:":
        fail("store.url is memory:, which holds nothing beyond one server process", code=WRONG_USE)
    deployment = await open_deployment(settings)
    try:
        yield deployment
    finally:
        await deployment.close()


def administer(config: Path | None, issuer: str, work: Callable[[Issuer], Awaitable[T]]) -> T:
    """Run ``work`` on an issuer and return its result; failures end the command."""

    async def run() -> T:
        async with opened(config) as deployment:
            identifier = choose([one.identifier for one in deployment.issuers], issuer)
            return await work(deployment.issuer(identifier))

    with explained():
        return asyncio.run(run())


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone; without a terminal only ``--yes`` counts."""
    if not yes and not typer.confirm(question, default=False, err=True):
        fail("nothing was done")
