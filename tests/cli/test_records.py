"""``grantd client``, ``resource``, ``user`` and what they leave in the store and the audit log."""

import asyncio
import json
import os
import pwd
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import pytest
from tests.cli.conftest import ISSUER, Run, Said, write_settings

from grantd.storage.records import AuditEvent, Grant, Session
from grantd.storage.sqlite import SqliteStore

T = TypeVar("T")
ME = f"os:{pwd.getpwuid(os.getuid()).pw_name}"
API = ("resource", "add", "api", "--identifier", "https://api.example/", "--scope", "read=read things")


def stored(folder: Path, work: Callable[[SqliteStore], Awaitable[T]]) -> T:
    async def run() -> T:
        store = SqliteStore(str(folder / "grantd.sqlite3"))
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def audit(folder: Path, prefix: str = "") -> list[AuditEvent]:
    async def read(store: SqliteStore) -> list[AuditEvent]:
        # Each command has an epoch of its own: within one second their order is no promise.
        return list(await store.list_audit(ISSUER, type_prefix=prefix))

    return stored(folder, read)


def grant(client_id: str, user_id: str | None = None) -> Grant:
    return Grant(
        issuer=ISSUER,
        grant_id="g" * 22,
        grant_type="authorization_code",
        client_id=client_id,
        subject=user_id or f"client:{client_id}",
        user_id=user_id,
        scopes=("read",),
    )


def add_client(run: Run, config: str, *more: str) -> Said:
    return run(
        "client", "add", "-c", config, "--id", "web", "--name", "Web", "--redirect-uri", "https://web.example/cb", *more
    )


def test_a_client_is_added_and_its_secret_shown_once(run: Run, config: str, folder: Path) -> None:
    said = add_client(run, config, "--json")
    assert said.code == 0, said.err
    record = json.loads(said.out)
    secret = record["client_secret"]
    assert len(secret) == 43
    assert record["metadata"]["grant_types"] == ["authorization_code", "refresh_token"]
    client = stored(folder, lambda store: store.find_client(ISSUER, "web"))
    assert client is not None
    assert client.secrets[0].sha256 == sha256(secret.encode()).digest()

    for command in (("client", "list", "-c", config, "--json"), ("client", "show", "web", "-c", config, "--json")):
        again = run(*command)
        assert secret not in again.out
        assert client.secrets[0].sha256.hex() not in again.out
    (event,) = audit(folder, "client.")
    assert (event.type, event.actor, event.client_id, event.details) == (
        "client.created",
        ME,
        "web",
        {"origin": "registered"},
    )


def test_a_wrong_client_is_refused_with_every_problem(run: Run, config: str, folder: Path) -> None:
    said = run(
        "client", "add", "-c", config, "--id", "web", "--redirect-uri", "http://web.example/cb", "--grant-type",
        "authorization_code", "--grant-type", "implicit", "--default-scope", "a", "--scope", "b",
    )  # fmt: skip
    assert said.code == 1
    assert "redirect_uris: 'http://web.example/cb'" in said.err
    assert "grant_types: 'implicit' is not offered here" in said.err
    assert "default_scope: is more than scope allows" in said.err
    assert said.out == ""
    assert stored(folder, lambda store: store.find_client(ISSUER, "web")) is None
    assert audit(folder, "client.") == []


def test_a_client_identifier_is_taken_once(run: Run, config: str) -> None:
    assert add_client(run, config).code == 0
    said = add_client(run, config)
    assert said.code == 1
    assert "there is a client 'web' already" in said.err


def test_a_public_client_has_no_secret_to_rotate(run: Run, config: str) -> None:
    said = add_client(run, config, "--auth-method", "none", "--json")
    assert "client_secret" not in json.loads(said.out)
    said = run("client", "rotate-secret", "web", "-c", config)
    assert said.code == 1
    assert "has no secret" in said.err


@pytest.mark.parametrize(("overlap", "kept"), [("0", 1), ("60", 2)])
def test_a_secret_is_rotated(run: Run, config: str, folder: Path, overlap: str, kept: int) -> None:
    first = json.loads(add_client(run, config, "--json").out)["client_secret"]
    said = run("client", "rotate-secret", "web", "-c", config, "--overlap", overlap, "--json")
    second = json.loads(said.out)["client_secret"]
    assert second != first
    client = stored(folder, lambda store: store.find_client(ISSUER, "web"))
    assert client is not None
    assert len(client.secrets) == kept
    assert client.secrets[-1].sha256 == sha256(second.encode()).digest()
    assert client.secrets[-1].expires_at is None
    if kept == 2:
        assert client.secrets[0].expires_at is not None
    types = [event.type for event in audit(folder, "client.")]
    assert types.count("client.secret_added") == 1
    assert types.count("client.secret_removed") == 2 - kept


@pytest.mark.parametrize("command", [("disable",), ("delete", "--yes")])
def test_disabling_and_deleting_a_client_end_its_grants(
    run: Run, config: str, folder: Path, command: tuple[str, ...]
) -> None:
    add_client(run, config)
    stored(folder, lambda store: store.insert_grant(grant("web")))
    said = run("client", command[0], "web", "-c", config, *command[1:])
    assert said.code == 0, said.err
    view = stored(folder, lambda store: store.find_grant(ISSUER, "g" * 22))
    assert view is None or view.grant.status == "ended"
    (ended,) = audit(folder, "grant.ended")
    assert ended.actor == ME
    client = stored(folder, lambda store: store.find_client(ISSUER, "web"))
    if command[0] == "delete":
        assert client is None
        assert audit(folder, "client.deleted")
    else:
        assert client is not None
        assert client.status == "disabled"
        assert run("client", "enable", "web", "-c", config).out == "web is active\n"
        assert run("client", "enable", "web", "-c", config).out == "web is active already\n"


def test_nothing_is_deleted_without_a_yes(run: Run, config: str, folder: Path) -> None:
    add_client(run, config)
    said = run("client", "delete", "web", "-c", config, stdin="n\n")
    assert said.code == 1
    assert "nothing was done" in said.err
    assert stored(folder, lambda store: store.find_client(ISSUER, "web")) is not None


@pytest.mark.parametrize("command", ["show", "rotate-secret", "disable", "enable"])
def test_an_unknown_client_is_named(run: Run, config: str, command: str) -> None:
    said = run("client", command, "nobody", "-c", config)
    assert said.code == 1
    assert "has no client 'nobody'" in said.err


def test_a_resource_server_lives(run: Run, config: str, folder: Path) -> None:
    said = run(*API, "-c", config, "--json")
    assert said.code == 0, said.err
    record = json.loads(said.out)
    assert record["scopes"] == {"read": "read things"}
    assert len(record["secret"]) == 43
    assert run("resource", "list", "-c", config).out.splitlines()[1].split()[0] == "api"
    assert json.loads(run("resource", "show", "api", "-c", config, "--json").out)["name"] == "api"
    assert record["secret"] not in run("resource", "rotate-secret", "api", "-c", config).out
    assert run("resource", "delete", "api", "-c", config, "-y").code == 0
    said = run("resource", "show", "api", "-c", config)
    assert said.code == 1
    assert "has no resource server 'api'" in said.err
    assert sorted(event.type for event in audit(folder, "resource_server.")) == [
        "resource_server.created",
        "resource_server.deleted",
        "resource_server.updated",
    ]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--identifier", "no uri"), "identifiers: 'no uri'"),
        (("--identifier", "https://api.example/"), "belongs to resource server 'api' already"),
        (("--identifier", "https://b.example/", "--scope", 'a"b=x'), "is no scope token"),
        (("--identifier", "https://b.example/", "--sensitive-scope", "s"), "sensitive_scopes: 's' is none"),
        (("--identifier", "https://b.example/", "--access-token-lifetime", "0"), "access_token_lifetime: is 0"),
    ],
)
def test_a_wrong_resource_server_is_refused(run: Run, config: str, arguments: tuple[str, ...], problem: str) -> None:
    assert run(*API, "-c", config).code == 0
    said = run("resource", "add", "second", "-c", config, *arguments)
    assert said.code == 1
    assert problem in said.err


def test_a_scope_needs_words(run: Run, config: str) -> None:
    said = run("resource", "add", "api", "-c", config, "--identifier", "https://a.example/", "--scope", "read")
    assert said.code == 2
    assert "SCOPE=WORDS" in said.err


def test_a_user_lives(run: Run, config: str, folder: Path) -> None:
    said = run("user", "add", "ana", "-c", config, "--name", "Ana Ruiz", "--password-stdin", stdin="horse battery\n")
    assert said.code == 0, said.err
    shown = json.loads(run("user", "show", "ANA", "-c", config, "--json").out)
    assert shown["has_password"] is True
    assert "password_hash" not in shown
    assert "horse" not in said.out + said.err + run("user", "list", "-c", config, "--json").out

    user_id = shown["user_id"]

    async def live(store: SqliteStore) -> None:
        await store.insert_grant(grant("web", user_id))
        for number in range(2):
            session = Session(
                issuer=ISSUER, session_id=bytes([number]) * 32, user_id=user_id, auth_time=1, acr="", amr=(),
                expires_at=2**40,
            )  # fmt: skip
            await store.insert_session(session)

    stored(folder, live)
    assert run("user", "set-password", "ana", "-c", config, "--password-stdin", stdin="another horse\n").code == 0
    assert stored(folder, lambda store: store.list_sessions(ISSUER, user_id, now=1)) == ()
    assert run("user", "disable", "ana", "-c", config).code == 0
    (ended,) = audit(folder, "grant.ended")
    assert ended.details["reason"] == "user_disabled"
    assert run("user", "delete", "ana", "-c", config, "--yes").code == 0
    assert stored(folder, lambda store: store.find_user(ISSUER, user_id)) is None
    events = audit(folder, "user.")
    assert sorted(event.type for event in events) == [
        "user.created", "user.deleted", "user.disabled", "user.password_changed",
    ]  # fmt: skip
    assert {event.actor for event in events} == {ME}
    assert {event.subject for event in events} == {user_id}


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "problem"),
    [
        (("--password-stdin",), "short\n", 1, "password: The password has fewer than 8"),
        (("--password-stdin",), "", 2, "holds no password"),
        ((), "", 2, "--password-stdin"),
        (("--no-password", "--password-stdin"), "long enough\n", 2, "exclude each other"),
        (("--no-password", "--email", "nowhere"), None, 1, "email: 'nowhere' is no address"),
    ],
)
def test_a_wrong_user_is_refused(
    run: Run, config: str, arguments: tuple[str, ...], stdin: str | None, code: int, problem: str
) -> None:
    said = run("user", "add", "ana", "-c", config, *arguments, stdin=stdin)
    assert said.code == code
    assert problem in said.err
    assert run("user", "list", "-c", config, "--json").out.strip() == "[]"


def test_user_names_are_taken_once_whatever_their_case(run: Run, config: str) -> None:
    assert run("user", "add", "ana", "-c", config, "--no-password").code == 0
    said = run("user", "add", "Ana", "-c", config, "--no-password")
    assert said.code == 1
    assert "there is a user 'Ana' already" in said.err


def test_an_issuer_is_named_where_there_are_several(run: Run, config: str, folder: Path) -> None:
    write_settings(folder, ISSUER, "https://other.example")
    said = run("client", "list", "-c", config)
    assert said.code == 2
    assert "name one with --issuer: https://login.harbour.example, https://other.example" in said.err
    said = run("client", "list", "-c", config, "--issuer", "https://wrong.example")
    assert said.code == 2
    assert "no issuer 'https://wrong.example'" in said.err
    assert run("client", "list", "-c", config, "--issuer", "https://other.example").code == 0


def test_a_store_in_memory_has_nothing_to_administer(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "grantd.toml"
    path.write_text(f'[store]\nurl = "memory:"\n[[issuers]]\nissuer = "{ISSUER}"\n')
    said = run("user", "list", "-c", str(path))
    assert said.code == 2
    assert "memory:" in said.err


def test_foreign_text_cannot_command_the_terminal(run: Run, config: str) -> None:
    assert add_client(run, config, "--name", "a\x1b[2Jb").code == 0
    said = run("client", "list", "-c", config)
    assert "\x1b" not in said.out
