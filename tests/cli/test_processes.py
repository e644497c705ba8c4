"""Real processes: ``grantd serve`` and ``grantd dev`` from start to SIGTERM."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.cli.conftest import Run, write_settings
from tests.support.browser import Browser
from tests.support.forms import form_of
from tests.support.quickstart import PASSWORD, USERNAME, Quickstart, free_ports, start_quickstart, stop

SRC = str(Path(__file__).parents[2] / "src")
SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRANTD_")}
    return {**kept, "PYTHONPATH": SRC, **more}


def serve(config: str, *more: str, **variables: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - the server under test
        [sys.executable, "-m", "grantd", "serve", "-c", config, *more],
        env=environment(**variables),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def refused(config: str, *more: str, **variables: str) -> tuple[int, str]:
    """Start a server that cannot start; return its status and what it said."""
    with serve(config, *more, **variables) as process:
        try:
            _, said = process.communicate(timeout=20)
        finally:
            stop(process)  # type: ignore[arg-type]  # text or bytes makes no difference to ending it
    return process.returncode, said


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")


def test_serve_answers_measures_follows_changes_and_drains(run: Run, folder: Path) -> None:
    port = free_ports(2)
    issuer = f"http://127.0.0.1:{port}"
    config = str(write_settings(folder, issuer, head=f"[server]\nport = {port}\n[metrics]\nport = {port + 1}\n"))
    seed = folder / "seed.toml"
    seed.write_text(
        f'[[resource_servers]]\nid = "api"\nidentifiers = ["https://api.example/"]\nscopes = {{ read = "read" }}\n'
        f'[[clients]]\nclient_id = "bot"\nclient_secret = "{SECRET}"\ngrant_types = ["client_credentials"]\n'
    )
    assert run("seed", str(seed), "-c", config).code == 0

    def token() -> httpx.Response:
        form = {"grant_type": "client_credentials", "scope": "read"}
        return httpx.post(f"{issuer}/token", data=form, auth=("bot", SECRET), trust_env=False)

    with serve(config) as process:
        try:
            wait_for(f"{issuer}/health/ready")
            assert token().status_code == 200
            wait_for(f"http://127.0.0.1:{port + 1}/health/ready")
            metrics = httpx.get(f"http://127.0.0.1:{port + 1}/metrics", trust_env=False).text
            assert re.search(r'grantd_signing_key_age_seconds\{alg="ES256",issuer="[^"]+"\} \d', metrics)
            assert re.search(r"grantd_store_group_[a-z]+_count [1-9]", metrics)
            for gauge in ("grantd_store_queue", "grantd_password_queue", "grantd_audit_backlog"):
                assert re.search(rf"^{gauge} \d+\.0$", metrics, re.MULTILINE)

            (key,) = json.loads(run("keys", "list", "-c", config, "--json").out)
            assert run("keys", "revoke", key["kid"], "-c", config, "--yes").code == 0
            assert run("client", "disable", "bot", "-c", config).code == 0
            time.sleep(2)
            assert key["kid"] not in httpx.get(f"{issuer}/jwks", trust_env=False).text
            assert token().status_code == 401

            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=20)
            assert process.returncode == 0
        finally:
            stop(process)  # type: ignore[arg-type]  # text or bytes makes no difference to ending it
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert events[0] == "listening"
    assert events[-2:] == ["draining", "stopped"]
    assert SECRET not in said


def test_serve_tells_everything_that_is_wrong_with_the_settings(folder: Path, config: str) -> None:
    Path(config).write_text(Path(config).read_text() + "nonsense = 1\n[server]\nport = 'x'\n[log]\nlevel = 'loud'\n")
    code, said = refused(config)
    assert code == 2
    assert len(said.splitlines()) == 3
    for expected in ("nonsense", "server.port (from", "log.level (from"):
        assert expected in said


@pytest.mark.parametrize(
    ("variables", "expected", "code"),
    [
        ({"GRANTD_ISSUERS__0__FEATURES": '["token_endpoint", "authorization_code"]'}, "needs 'pkce'", 2),
        ({"GRANTD_ISSUERS__0__FEATURE_SETTINGS": '{"nothing": {}}'}, "feature_settings.nothing", 2),
        ({"GRANTD_STORE__URL": "sqlite:/nowhere/at/all"}, "run `grantd migrate`", 1),
        ({"GRANTD_SECRETS__SEALING_KEY_FILE": "/nowhere"}, "cannot read /nowhere", 1),
        ({"GRANTD_SERVER__HOST": "192.0.2.1"}, "cannot listen on 192.0.2.1:", 1),
    ],
)
def test_serve_refuses_in_one_line(config: str, variables: dict[str, str], expected: str, code: int) -> None:
    status, said = refused(config, "--port", "0", **variables)
    assert status == code
    assert expected in said
    assert len(said.splitlines()) == 1, said


def test_a_failure_inside_the_start_is_one_line_too(run: Run, config: str, folder: Path) -> None:
    assert run("keys", "list", "-c", config).code == 0
    (folder / "sealing.key").unlink()
    assert run("keys", "create-sealing-key", str(folder / "sealing.key")).code == 0
    status, said = refused(config, "--port", "0")
    assert status == 1
    assert said.startswith("grantd: the sealing key is not the one")
    assert len(said.splitlines()) == 1, said


def test_a_taken_port_is_told(config: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, said = refused(config, "--port", str(taken.getsockname()[1]))
    assert status == 1
    assert "Address already in use" in said


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quickstart]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", SRC)
        with start_quickstart(tmp_path_factory.mktemp("quickstart")) as running:
            yield running


def test_what_dev_prints_works(quickstart: Quickstart) -> None:
    said = quickstart.log.read_text()
    assert f"{USERNAME} / {PASSWORD}" in said
    commands = [line.strip() for line in said.splitlines() if line.strip().startswith("curl ")]
    assert len(commands) == 2
    words = shlex.split(commands[0])
    user, secret = words[words.index("-u") + 1].split(":")
    pairs = [words[i + 1].partition("=") for i, word in enumerate(words) if word == "-d"]
    form = {name: value for name, _, value in pairs}
    answer = httpx.post(words[-1], data=form, auth=(user, secret), trust_env=False)
    assert answer.status_code == 200, answer.text
    bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}
    notes = shlex.split(commands[1])[-1]
    assert httpx.get(notes, headers=bearer, trust_env=False).json()["client_id"] == "demo-service"
    # The token has notes.read only.
    refused_ = httpx.post(notes, headers=bearer, json={"text": "x"}, trust_env=False)
    assert refused_.status_code == 403
    assert 'error="insufficient_scope"' in refused_.headers["www-authenticate"]
    assert httpx.get(notes, trust_env=False).status_code == 401


def test_the_folder_is_private_and_serves_other_commands(quickstart: Quickstart, run: Run) -> None:
    assert {path.stat().st_mode & 0o077 for path in quickstart.data.iterdir()} == {0}
    said = run("client", "list", "-c", str(quickstart.data / "grantd.toml"), "--json")
    assert {client["client_id"] for client in json.loads(said.out)} == {"demo-client", "demo-service"}
    keys = json.loads(run("keys", "list", "-c", str(quickstart.data / "grantd.toml"), "--json").out)
    assert {key["alg"] for key in keys} == {"ES256", "RS256", "EdDSA"}


def sign_in(quickstart: Quickstart, page: httpx.Client) -> httpx.Response:
    """Walk from the demo page through the server and back; the last answer is the page."""
    form = form_of(page.get("/").text)
    to_server = page.post(form.action, data=form.hidden)
    assert to_server.status_code == 303
    with Browser() as browser:
        back = browser.authorize(to_server.headers["location"], username=USERNAME, password=PASSWORD)
    return page.get(back, follow_redirects=True)


def page_of(quickstart: Quickstart) -> httpx.Client:
    return httpx.Client(base_url=quickstart.demo["client_page"], trust_env=False)


def press(page: httpx.Client, action: str, **fields: str) -> httpx.Response:
    csrf = re.findall('name="csrf" value="([^"]+)"', page.get("/").text)[0]
    return page.post(action, data={"csrf": csrf, **fields}, follow_redirects=True)


def test_the_demo_client_signs_in_uses_refreshes_and_revokes(quickstart: Quickstart) -> None:
    with page_of(quickstart) as page:
        shown = sign_in(quickstart, page)
        assert "Token response" in shown.text
        assert "script" not in shown.headers["content-security-policy"]
        assert "Water the ferns" in press(page, "/read").text
        added = press(page, "/add", note="<b>escaped</b>")
        assert "answers 201" in added.text
        assert "<b>" not in added.text
        assert "&lt;b&gt;escaped" in added.text
        before = re.findall(r"grt_\S+|&#34;refresh_token&#34;: \S+", press(page, "/read").text)
        after = re.findall(r"grt_\S+|&#34;refresh_token&#34;: \S+", press(page, "/refresh").text)
        assert before
        assert before != after
        assert "Sign in with grantd" in press(page, "/sign-out").text


def test_the_demo_client_takes_no_answer_that_it_did_not_ask_for(quickstart: Quickstart) -> None:
    with page_of(quickstart) as page:
        form = form_of(page.get("/").text)
        location = page.post(form.action, data=form.hidden).headers["location"]
        state = httpx.URL(location).params["state"]
        wrong = page.get("/callback", params={"code": "c", "state": "guessed", "iss": quickstart.issuer})
        assert "belongs to no sign-in" in page.get(wrong.headers["location"]).text
        # The state was used up by the wrong answer, and the session with it.
        again = page.get("/callback", params={"code": "c", "state": state, "iss": quickstart.issuer})
        assert "belongs to no sign-in" in page.get(again.headers["location"]).text

        form = form_of(page.get("/").text)
        location = page.post(form.action, data=form.hidden).headers["location"]
        mixed = {"code": "c", "state": httpx.URL(location).params["state"], "iss": "https://evil.example"}
        answer = page.get("/callback", params=mixed, follow_redirects=True)
        assert "another server than the one that was asked" in answer.text
        assert page.post("/sign-in", data={"csrf": "guessed"}).status_code == 403
        assert page.post("/sign-in").status_code == 403


def test_dev_keeps_its_secrets_and_ends_in_good_order(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", SRC)
        with start_quickstart(tmp_path) as first:
            first.process.send_signal(signal.SIGTERM)
            assert first.process.wait(20) == 0
            assert "stopped" in first.log.read_text()
        with start_quickstart(tmp_path) as second:
            assert second.issuer != first.issuer
            assert second.client_secret("demo-service") == first.client_secret("demo-service")
            assert second.resource_secret("demo-api") == first.resource_secret("demo-api")
            answer = httpx.post(
                f"{second.issuer}/token",
                data={"grant_type": "client_credentials", "scope": "notes.read"},
                auth=("demo-service", first.client_secret("demo-service")),
                trust_env=False,
            )
            assert answer.status_code == 200
            metadata = httpx.get(f"{second.resource('demo-api')}.well-known/oauth-protected-resource", trust_env=False)
            assert metadata.json()["authorization_servers"] == [second.issuer]
            assert metadata.json()["resource"] == second.resource("demo-api")


def test_dev_says_when_its_folder_is_broken(tmp_path: Path) -> None:
    (tmp_path / "demo.toml").write_text("nonsense")
    done = subprocess.run(  # noqa: S603 - the server under test
        [sys.executable, "-m", "grantd", "dev", "--data", str(tmp_path), "--port", str(free_ports(4))],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert "remove it to have new secrets made" in done.stderr
