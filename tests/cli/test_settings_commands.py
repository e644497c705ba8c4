"""``migrate``, ``check``, ``doctor``, ``issuer``, ``keys``, ``seed`` and what they say when something is wrong."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cli.conftest import ISSUER, Run, write_settings
from tests.cli.test_records import audit, stored

from grantd import __version__

ROOT = Path(__file__).parents[2]

SEED = """\
[[resource_servers]]
id = "api"
name = "API"
identifiers = ["https://api.example/"]
scopes = { read = "read things" }
secret = "0123456789abcdefghijklmnopqrstuvwxyz"

[[clients]]
client_id = "web"
client_name = "Web"
client_secret = "abcdefghijklmnopqrstuvwxyz0123456789"
redirect_uris = ["https://web.example/cb"]
grant_types = ["authorization_code", "refresh_token", "client_credentials"]

[[users]]
username = "ana"
name = "Ana Ruiz"
password_file = "ana.txt"

[[users]]
username = "ben"
password_hash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21l$q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"
"""


def write_seed(folder: Path, text: str = SEED) -> str:
    (folder / "ana.txt").write_text("correct horse battery staple\n")
    path = folder / "seed.toml"
    path.write_text(text)
    return str(path)


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").out == f"grantd {__version__}\n"


@pytest.mark.parametrize("arguments", [(), ("client", "add"), ("serve",)])
def test_help_is_quick_and_loads_no_server(arguments: tuple[str, ...]) -> None:
    program = (
        "import sys; from grantd.cli.main import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = [m for m in sys.modules if m.startswith(('grantd.server', 'grantd.storage', 'cryptography', 'rich'))]\n"
        "print(heavy, file=sys.stderr)\n"
    )
    seconds = []
    for _ in range(3):
        # CPU time: what other processes of the machine do must not decide.
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(  # noqa: S603 - the program above
            [sys.executable, "-c", program, *arguments, "--help"],
            env={"PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert "Usage:" in done.stdout
        assert done.stderr.strip() == "[]"
    assert min(seconds) < 0.4


def test_wrong_use_is_told_with_status_2(run: Run, config: str) -> None:
    assert run("frobnicate").code == 2
    assert run("client", "show", "-c", config).code == 2


def test_migrate_says_from_where_to_where(run: Run, tmp_path: Path) -> None:
    config = str(write_settings(tmp_path, ISSUER))
    (tmp_path / "sealing.key").touch()
    database = tmp_path / "grantd.sqlite3"
    said = run("migrate", "-c", config, "--dry-run")
    assert said.out == f"{database} would go from no schema to revision r0001\n"
    assert not database.exists()
    assert run("migrate", "-c", config).out == f"{database} went from no schema to revision r0001\n"
    assert run("migrate", "-c", config).out == f"{database} is at revision r0001 already\n"
    assert database.stat().st_mode & 0o777 == 0o600


def test_migrate_refuses_what_is_no_database(run: Run, tmp_path: Path) -> None:
    config = str(write_settings(tmp_path, ISSUER))
    (tmp_path / "grantd.sqlite3").write_bytes(b"not a database" * 100)
    said = run("migrate", "-c", config)
    assert said.code == 1
    assert "cannot migrate" in said.err
    (tmp_path / "grantd.toml").write_text(
        f'[store]\nurl = "sqlite:{tmp_path}/nowhere/db"\n[secrets]\nsealing_key_file = "k"\n[[issuers]]\nissuer = "{ISSUER}"\n'
    )
    said = run("migrate", "-c", config)
    assert said.code == 1
    assert "there is no folder" in said.err


def test_a_sealing_key_is_made_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert run("keys", "create-sealing-key", str(path)).code == 0
    content = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    said = run("keys", "create-sealing-key", str(path))
    assert said.code == 1
    assert "never overwritten" in said.err
    assert path.read_bytes() == content
    assert run("keys", "create-sealing-key", str(tmp_path / "no" / "key")).code == 1


def test_keys_rotate_and_are_revoked(run: Run, config: str, folder: Path) -> None:
    (first,) = json.loads(run("keys", "list", "-c", config, "--json").out)
    assert first["state"] == "signing"
    assert first["kid"] in run("keys", "list", "-c", config).out
    after = {key["state"]: key for key in json.loads(run("keys", "rotate", "-c", config, "--json").out)}
    assert after["signing"]["kid"] == first["kid"]
    assert after["signing"]["retire_at"] == after["waiting"]["activate_at"] >= time.time() + 590
    again = json.loads(run("keys", "rotate", "-c", config, "--json").out)
    assert len(again) == 2, "a successor that waits is successor enough"

    said = run("keys", "revoke", first["kid"], "-c", config, "--reason", "laptop stolen", "--yes", "--json")
    states = [key["state"] for key in json.loads(said.out)]
    assert sorted(states) == ["revoked", "signing", "waiting"]
    (event,) = audit(folder, "key.revoked")
    assert event.details == {"kid": first["kid"], "reason": "laptop stolen"}
    assert event.actor.startswith("os:")
    record = next(r for r in stored(folder, lambda store: store.list_keys(ISSUER)) if r.kid == first["kid"])
    assert record.sealed_private_key == b""


def test_keys_that_are_not_there_are_named(run: Run, config: str) -> None:
    said = run("keys", "revoke", "nothing", "-c", config, "--yes")
    assert said.code == 1
    assert "has no key 'nothing'" in said.err
    said = run("keys", "rotate", "-c", config, "--alg", "RS256")
    assert said.code == 1
    assert "has no RS256 keys" in said.err
    assert run("keys", "revoke", "nothing", "-c", config, stdin="\n").code == 1


def test_a_wrong_sealing_key_is_explained(run: Run, config: str, folder: Path) -> None:
    assert run("keys", "list", "-c", config).code == 0
    (folder / "sealing.key").unlink()
    run("keys", "create-sealing-key", str(folder / "sealing.key"))
    said = run("keys", "list", "-c", config)
    assert said.code == 1
    assert "is not the one that this database was made with" in said.err


def test_a_seed_file_is_carried_out_once(run: Run, config: str, folder: Path) -> None:
    seed = write_seed(folder)
    said = run("seed", seed, "-c", config, "--dry-run")
    assert (said.code, said.out) == (0, f"{seed} is right; nothing was written\n")
    assert audit(folder, "client.") == []
    said = run("seed", seed, "-c", config)
    assert said.code == 0, said.err
    assert said.out.splitlines()[-1] == "4 created, 0 updated, 0 unchanged"
    before = len(audit(folder))
    versions = [user["version"] for user in json.loads(run("user", "list", "-c", config, "--json").out)]
    assert run("seed", seed, "-c", config).out == "0 created, 0 updated, 4 unchanged\n"
    assert len(audit(folder)) == before
    assert [user["version"] for user in json.loads(run("user", "list", "-c", config, "--json").out)] == versions

    write_seed(folder, SEED.replace('"Web"', '"Webb"').replace('"Ana Ruiz"', '"Ana R."'))
    assert run("seed", seed, "-c", config).out.splitlines() == [
        "client web updated",
        "user ana updated",
        "0 created, 2 updated, 2 unchanged",
    ]
    (event,) = audit(folder, "client.updated")
    assert event.details == {"members": ["client_name"]}


def test_a_secret_that_a_seed_leaves_out_is_made_and_kept(run: Run, config: str, folder: Path) -> None:
    text = "\n".join(line for line in SEED.splitlines() if "secret" not in line)
    seed = write_seed(folder, text)
    first = json.loads(run("seed", seed, "-c", config, "--json").out)
    assert {one["kind"] for one in first if "secret" in one} == {"resource_server", "client"}
    again = json.loads(run("seed", seed, "-c", config, "--json").out)
    assert all(one["action"] == "unchanged" and "secret" not in one for one in again)


def test_a_wrong_seed_file_writes_nothing_and_names_every_key(run: Run, config: str, folder: Path) -> None:
    seed = write_seed(
        folder,
        SEED.replace('client_secret = "abcdefghijklmnopqrstuvwxyz0123456789"', 'client_secret = "short"')
        .replace('"https://web.example/cb"', '"http://web.example/cb"')
        .replace("$argon2id$v=19$m=8,", "$argon2i$v=19$m=8,")
        + '[[users]]\nusername = "Ana"\npassword = "short"\n[[clients]]\nclient_id = "x"\nissuer = "https://no.example"\n',
    )
    said = run("seed", seed, "-c", config)
    assert said.code == 2
    assert said.out == ""
    for expected in (
        f"clients[0].redirect_uris (from {seed}) cannot be so; 'http://web.example/cb'",
        f"clients[0].client_secret (from {seed}) cannot be so; a client secret needs 32",
        f"clients[1].issuer (from {seed}) is 'https://no.example'; name one of {ISSUER}",
        f"users[1].password_hash (from {seed}) is no argon2id hash",
        f"users[2] (from {seed}) is the second user 'ana'",
        f"users[2].password (from {seed}) cannot be so; The password has fewer",
    ):
        assert expected in said.err
    assert run("user", "list", "-c", config, "--json").out.strip() == "[]"
    assert run("resource", "list", "-c", config, "--json").out.strip() == "[]"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            ("client_name", "client_nmae"),
            "clients[0].client_nmae (from {seed}) is no setting; did you mean client_name?",
        ),
        (('scopes = { read = "read things" }', "scopes = 1"), "resource_servers[0].scopes (from {seed}) is 1"),
        (("[[users]]", "[[users"), "{seed} is no valid TOML"),
        (("ana.txt", "nobody.txt"), "users[0].password_file (from {seed}) names"),
        (("password_file", 'password = "long enough"\npassword_file'), "users[0].password_file (from {seed}) is given"),
        (('id = "api"', ""), "resource_servers[0].resource_server_id (from {seed}) is missing"),
    ],
)
def test_the_form_of_a_seed_file_is_judged(
    run: Run, config: str, folder: Path, change: tuple[str, str], expected: str
) -> None:
    seed = write_seed(folder, SEED.replace(*change))
    said = run("seed", seed, "-c", config)
    assert said.code == 2
    assert expected.format(seed=seed) in said.err


def test_a_seed_that_disables_a_client_shuts_it_out(run: Run, config: str, folder: Path) -> None:
    seed = write_seed(folder)
    run("seed", seed, "-c", config)
    write_seed(folder, SEED.replace('client_id = "web"', 'client_id = "web"\nstatus = "disabled"'))
    assert "client web updated" in run("seed", seed, "-c", config).out
    assert len(audit(folder, "client.disabled")) == 1


def test_issuers_are_listed_shown_and_added(run: Run, config: str, folder: Path) -> None:
    mode = 0o640
    Path(config).chmod(mode)
    said = run("issuer", "add", "https://two.example/t", "-c", config, "--name", 'The "second"')
    assert said.code == 0, said.err
    listed = json.loads(run("issuer", "list", "-c", config, "--json").out)
    assert [one["issuer"] for one in listed] == [ISSUER, "https://two.example/t"]
    assert listed[1]["name"] == 'The "second"'
    assert Path(config).stat().st_mode & 0o777 == mode
    shown = json.loads(run("issuer", "show", "https://two.example/t", "-c", config, "--json").out)
    assert shown["metadata"] == "https://two.example/.well-known/oauth-authorization-server/t"
    assert "pkce" in shown["features"]
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("issuer", "code", "problem"),
    [
        (ISSUER, 1, "already"),
        (ISSUER + "/", 2, "only by a trailing slash"),
        ("http://two.example", 2, "does not begin with https://"),
    ],
)
def test_a_wrong_issuer_is_not_added(run: Run, config: str, issuer: str, code: int, problem: str) -> None:
    before = Path(config).read_text()
    said = run("issuer", "add", issuer, "-c", config)
    assert said.code == code
    assert problem in said.err
    assert Path(config).read_text() == before


def test_check_finds_nothing_and_changes_nothing(run: Run, config: str, folder: Path) -> None:
    said = run("check", "-c", config)
    assert said.code == 0, said.out
    assert said.out.endswith("0 errors, 0 warnings\n")
    assert stored(folder, lambda store: store.list_keys(ISSUER)) == ()


def test_check_names_what_is_wrong(run: Run, config: str, folder: Path) -> None:
    (folder / "sealing.key").chmod(0o644)
    (folder / "grantd.sqlite3").unlink()
    text = Path(config).read_text()
    Path(config).write_text(text + 'features = ["token_endpoint", "authorization_code"]\n')
    said = run("check", "-c", config, "--json")
    assert said.code == 1
    errors = {one["subject"]: one["text"] for one in json.loads(said.out) if one["level"] == "error"}
    assert "needs 'pkce'" in errors[f"{ISSUER}: features"]
    assert "chmod 600" in errors["sealing key"]
    assert "grantd migrate" in errors["database"]
    Path(config).write_text(text + "nonsense = 1\n[server]\nport = 'x'\n")
    said = run("check", "-c", config)
    assert said.code == 1
    assert "nonsense" in said.out
    assert "server.port" in said.out


def test_doctor_says_what_to_do(run: Run, config: str, folder: Path) -> None:
    write_settings(folder, "http://127.0.0.1:9", head="[server]\nport = 9\n")
    (folder / "grantd.sqlite3").chmod(0o644)
    seed = write_seed(folder, SEED.replace('client_id = "web"', 'client_id = "web"\nscope = "read gone"'))
    assert run("seed", seed, "-c", config).code == 0
    said = run("doctor", "-c", config)
    assert "ERROR" not in said.out
    assert said.code == 0
    for expected in (
        f"grantd.sqlite3: has mode 0644: other accounts of this machine may use it\n        -> run: chmod 600 {folder}",
        "client web: scope: no resource server has gone",
        "127.0.0.1:9: nobody listens",
        "http://127.0.0.1:9/.well-known/oauth-authorization-server: cannot be reached from here",
        "ES256 key: ",
        "api is the default",
    ):
        assert expected in said.out


def test_doctor_misses_resource_servers_and_credentials(run: Run, config: str) -> None:
    said = run("doctor", "-c", config)
    assert "there are none, so no scope exists" in said.out
    run("resource", "add", "a", "-c", config, "--identifier", "https://a.example/", "--no-credentials", "--opaque")
    run("resource", "add", "b", "-c", config, "--identifier", "https://b.example/")
    said = run("doctor", "-c", config)
    assert "resource server a: has no credentials, so it cannot introspect, and its tokens are opaque" in said.out
    assert "none is the default" in said.out


def test_the_settings_file_may_come_from_the_environment(
    run: Run, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRANTD_CONFIG", config)
    assert run("issuer", "list").code == 0
    monkeypatch.setenv("GRANTD_SERVER__PORT", "many")
    said = run("issuer", "list")
    assert said.code == 2
    assert said.err == "grantd: server.port (from GRANTD_SERVER__PORT) is 'many'; write a whole number\n"
    assert os.environ["GRANTD_CONFIG"] == config
