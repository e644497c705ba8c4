import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.server.settings.load import FILE_BYTES, load_settings
from grantd.server.settings.model import Settings
from grantd.server.settings.problems import Problem, SettingsError

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
MINIMAL = f"""
[[issuers]]
issuer = "https://login.example"
[secrets]
sealing_key = "{KEY}"
"""


def load(tmp_path: Path, text: str, **environ: str) -> Settings:
    path = tmp_path / "grantd.toml"
    path.write_text(text)
    return load_settings(path, environ)


def problems(tmp_path: Path, text: str, **environ: str) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text, **environ)
    assert caught.value.problems
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return caught.value.problems


def test_reads_a_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        MINIMAL
        + """
[server]
trusted_proxies = ["10.0.0.0/8"]
[server.limits]
header_seconds = 5
[drafts]
status_list = "-20"
""",
    )
    assert settings.issuers[0].issuer == "https://login.example"
    assert settings.issuers[0].features is None
    assert settings.server.trusted_proxies == ("10.0.0.0/8",)
    assert settings.server.limits.header_seconds == 5.0
    assert isinstance(settings.server.limits.header_seconds, float)
    assert settings.drafts == {"status_list": "-20"}


def test_reads_the_environment_alone() -> None:
    settings = load_settings(
        None,
        {
            "GRANTD_ISSUERS__1__ISSUER": "https://two.example",
            "GRANTD_ISSUERS__0__ISSUER": "https://one.example",
            "GRANTD_ISSUERS__0__LIFETIMES__ACCESS_TOKEN": "120",
            "GRANTD_ISSUERS__0__KEYS__ALGORITHMS": "EdDSA, ES256",
            "GRANTD_ISSUERS__1__HOSTS": '["internal:9400"]',
            "GRANTD_ISSUERS__1__CLIENTS__REQUIRE_RESOURCE": "true",
            "GRANTD_ISSUERS__1__FEATURES": "pkce",
            "GRANTD_ISSUERS__1__FEATURE_SETTINGS__INTROSPECTION__CACHE": "5",
            "GRANTD_ISSUERS__1__FEATURE_SETTINGS__INTROSPECTION__WORD": "five",
            "GRANTD_DRAFTS__STATUS_LIST": "-20",
            "GRANTD_STORE__URL": "memory:",
            "GRANTD_SERVER__LIMITS__HEADER_SECONDS": "2.5",
            "GRANTD_CONFIG": "/etc/grantd.toml",
            "GRANTD_PORT": "tcp://10.0.0.1:9400",
            "GRANTD_PORT_9400_TCP_ADDR": "10.0.0.1",
            "GRANTD_SERVICE_HOST": "10.0.0.1",
            "PATH": "/bin",
        },
    )
    assert [one.issuer for one in settings.issuers] == ["https://one.example", "https://two.example"]
    assert settings.issuers[0].lifetimes.access_token == 120
    assert settings.issuers[0].keys.algorithms == ("EdDSA", "ES256")
    assert settings.issuers[1].hosts == ("internal:9400",)
    assert settings.issuers[1].clients.require_resource is True
    assert settings.issuers[1].features == ("pkce",)
    assert settings.issuers[1].feature_settings == {"introspection": {"cache": 5, "word": "five"}}
    assert settings.drafts == {"status_list": "-20"}
    assert settings.server.limits.header_seconds == 2.5


def test_indices_beyond_nine_come_in_order() -> None:
    environ = {f"GRANTD_ISSUERS__{index}__ISSUER": f"https://{index}.a.example" for index in range(12)}
    settings = load_settings(None, environ | {"GRANTD_STORE__URL": "memory:"})
    assert settings.issuers[10].issuer == "https://10.a.example"


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    text = MINIMAL + '[server]\ntrusted_proxies = ["10.0.0.0/8", "192.0.2.0/24"]\nport = 1'
    settings = load(
        tmp_path,
        text,
        GRANTD_ISSUERS__0__ISSUER="https://other.example",
        GRANTD_ISSUERS__1__ISSUER="https://more.example",
        GRANTD_SERVER__TRUSTED_PROXIES="",
        GRANTD_SERVER__PORT="2",
    )
    assert [one.issuer for one in settings.issuers] == ["https://other.example", "https://more.example"]
    assert settings.server.trusted_proxies == ()
    assert settings.server.port == 2


def test_whole_tables_come_as_json() -> None:
    settings = load_settings(
        None,
        {
            "GRANTD_ISSUERS": '[{"issuer": "https://a.example", "lifetimes": {"access_token": 60}}]',
            "GRANTD_STORE": '{"url": "memory:"}',
        },
    )
    assert settings.issuers[0].lifetimes.access_token == 60


def test_a_secret_comes_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "issuer"
    secret.write_text("https://file.example\n")
    settings = load(tmp_path, MINIMAL, GRANTD_ISSUERS__0__ISSUER_FILE=str(secret))
    assert settings.issuers[0].issuer == "https://file.example"
    (one,) = problems(tmp_path, MINIMAL, GRANTD_ISSUERS__0__ISSUER_FILE=str(tmp_path / "absent"))
    assert one.source == "GRANTD_ISSUERS__0__ISSUER_FILE"
    assert "cannot be read (No such file" in one.wrong
    secret.write_bytes(b"\xff")
    assert "UTF-8" in problems(tmp_path, MINIMAL, GRANTD_ISSUERS__0__ISSUER_FILE=str(secret))[0].wrong
    secret.write_bytes(b"x" * 70_000)
    assert "larger" in problems(tmp_path, MINIMAL, GRANTD_ISSUERS__0__ISSUER_FILE=str(secret))[0].wrong


def test_the_setting_called_sealing_key_file_is_a_setting_of_its_own() -> None:
    environ = {"GRANTD_ISSUERS__0__ISSUER": "https://a.example", "GRANTD_SECRETS__SEALING_KEY_FILE": "/run/secrets/key"}
    settings = load_settings(None, environ)
    assert settings.secrets.sealing_key_file == "/run/secrets/key"
    assert settings.secrets.sealing_key == ""


def test_says_everything_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
sever = 1
[[issuers]]
issuer = "http://login.example"
accent = "blue"
[issuers.lifetimes]
acces_token = 300
authorization_code = "60"
refresh_token = 10
[server]
port = true
""",
        GRANTD_LOG__LEVEL="inof",
        GRANTD_SERVER__POTR="1",
        GRANTD_ISSUERS__5__ISSUER="https://a.example",
        GRANTD_SECRETS__SEALING_KEY="short",
    )
    path = str(tmp_path / "grantd.toml")
    by_key = {one.key or one.source: one for one in found}
    assert by_key["sever"] == Problem("sever", path, "is no setting", "did you mean server?")
    assert by_key["issuers[0].lifetimes.acces_token"].right == "did you mean access_token?"
    assert str(by_key["issuers[0].lifetimes.authorization_code"]) == (
        f"issuers[0].lifetimes.authorization_code (from {path}) is '60'; write a whole number"
    )
    assert by_key["issuers[0].lifetimes.refresh_token_idle"].source == "default"
    assert by_key["issuers[0].issuer"].right.startswith("use https")
    assert "#rrggbb" in by_key["issuers[0].accent"].right
    assert by_key["server.port"].wrong == "is True"
    assert by_key["log.level"].source == "GRANTD_LOG__LEVEL"
    assert by_key["log.level"].right == "write one of debug, error, info, warning (did you mean info?)"
    assert by_key["GRANTD_SERVER__POTR"].right == "did you mean GRANTD_SERVER__PORT?"
    assert "from 0 to 1" in by_key["GRANTD_ISSUERS__5__ISSUER"].right
    assert by_key["secrets.sealing_key"].source == "GRANTD_SECRETS__SEALING_KEY"
    assert len(found) == 11


def test_messages_never_show_the_sealing_key(tmp_path: Path) -> None:
    text = MINIMAL.replace(f'"{KEY}"', "123456789")
    assert "123456789" not in str(problems(tmp_path, text)[0])
    assert "hush-hush" not in str(problems(tmp_path, MINIMAL, GRANTD_SECRETS__SEALING_KEY="hush-hush")[0])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = ", "is no valid TOML"),
        ("a = 1\na = 2", "is no valid TOML"),
        ("issuers = 1", "write a list of tables"),
        ("issuers = [1]", "write a table"),
        ("", "is missing"),
        ("issuers = []\nstore.url = 'memory:'", "names no issuer"),
        ("[[issuers]]\nname = 'x'\n[store]\nurl = 'memory:'", "issuers[0].issuer"),
        ("issuers = 1979-05-27", "is date"),
        ("server = { limits = { header_seconds = nan } }", "is nan"),
        ("server = { limits = { header_seconds = inf } }", "is inf"),
        ("server = { port = 99999999999999999999999 }", "write a whole number"),
        ("a = " + "[" * 5000, ""),
        ("[[issuers]]\nissuer = 'https://a.example'\nname = \"\\u0000\"", "write text"),
    ],
)
def test_refuses_broken_files(tmp_path: Path, text: str, says: str) -> None:
    assert any(says in str(one) for one in problems(tmp_path, text))


def test_refuses_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "absent.toml", {})
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path, {})
    path = tmp_path / "x.toml"
    path.write_bytes(b"# \xff")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings(path, {})
    path.write_bytes(b"#" * (FILE_BYTES + 1))
    with pytest.raises(SettingsError, match="larger"):
        load_settings(path, {})


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("GRANTD_ISSUERS__X__ISSUER", "https://a.example", "index"),
        ("GRANTD_ISSUERS__-1__ISSUER", "https://a.example", "index"),
        ("GRANTD_ISSUERS__0__ISSUER__DEEP", "x", "goes below a single value"),
        ("GRANTD_ISSUERS__0__HOSTS", "[", "is no valid JSON"),
        ("GRANTD_ISSUERS__0__HOSTS", "[1]", "write text"),
        ("GRANTD_ISSUERS__0__LIFETIMES", "x", "is no valid JSON"),
        ("GRANTD_ISSUERS__0__LIFETIMES__ACCESS_TOKEN", "five", "write a whole number"),
        ("GRANTD_ISSUERS__0__LIFETIMES__ACCESS_TOKEN", "٣", "write a whole number"),
        ("GRANTD_ISSUERS__0__CLIENTS__REFRESH_ROTATION", "yes", "write true or false"),
        ("GRANTD_SERVER__LIMITS__BODY_SECONDS", "nan", "write a number"),
        ("GRANTD_", "x", "is no setting"),
        ("GRANTD_SERVER____PORT", "1", "is no setting"),
        ("GRANTD_DRAFTS__", "x", "empty level"),
        ("GRANTD_ISSUERS__0__NAME", "\udcff", "UTF-8"),
        ("GRANTD_SERVER__PORT", "9" * 5000, "write a whole number"),
    ],
)
def test_refuses_broken_variables(tmp_path: Path, variable: str, value: str, says: str) -> None:
    found = problems(tmp_path, MINIMAL, **{variable: value})
    assert len(found) == 1
    assert says in str(found[0])
    assert found[0].source == variable


def test_refuses_a_table_set_twice(tmp_path: Path) -> None:
    found = problems(tmp_path, MINIMAL, GRANTD_LOG='{"level": "info"}', GRANTD_LOG__FORMAT="json")
    assert found[0].source == "GRANTD_LOG__FORMAT"
    assert "GRANTD_LOG" in found[0].wrong


toml_values: st.SearchStrategy[Any] = st.recursive(
    st.text(max_size=20) | st.integers() | st.floats() | st.booleans() | st.dates() | st.datetimes() | st.times(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=20), children, max_size=3),
    max_leaves=12,
)
known = st.sampled_from(
    [
        "issuers",
        "server",
        "store",
        "secrets",
        "log",
        "metrics",
        "audit",
        "drafts",
        "issuer",
        "port",
        "limits",
        "hosts",
        "keys",
        "features",
        "feature_settings",
        "lifetimes",
    ]
)
trees = st.recursive(
    toml_values,
    lambda children: st.dictionaries(known, children | st.lists(children, max_size=2), max_size=4),
    max_leaves=20,
)


@given(
    tree=st.dictionaries(known, trees, max_size=4),
    environ=st.dictionaries(
        st.from_regex(
            r"GRANTD_(ISSUERS|SERVER|LOG|[A-Z]{1,9})(__([0-9]{1,2}|[A-Z_]{1,9}|LIMITS|PORT)){0,3}", fullmatch=True
        ),
        st.text(max_size=30),
        max_size=4,
    ),
)
def test_any_tree_and_any_variables_give_settings_or_their_error(
    patcher: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    tree: dict[str, Any],
    environ: dict[str, str],
) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.toml"
    path.write_text("")
    with patcher.context() as patch:
        patch.setattr(tomllib, "loads", lambda _: tree)
        try:
            load_settings(path, environ)
        except SettingsError as error:
            assert error.problems  # noqa: PT017 - success is fine too


@pytest.fixture(scope="module")
def patcher() -> pytest.MonkeyPatch:
    return pytest.MonkeyPatch()


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_their_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError):
        load_settings(path, {})


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[[issuers]]\n[store]\nurl = 'memory:'", "issuers[0].issuer"),
        (
            MINIMAL.replace("[secrets]", "[secrets]\nsealing_key_file = 1").replace(f'sealing_key = "{KEY}"', ""),
            "secrets.sealing_key_file",
        ),
        (MINIMAL + "[store]\nurl = 5", "store.url"),
    ],
)
def test_what_cannot_be_read_is_not_judged_again(tmp_path: Path, text: str, key: str) -> None:
    assert [one.key for one in problems(tmp_path, text)] == [key]
