from typing import Any

import msgspec
import pytest

from grantd.server.settings import (
    AuditSettings,
    ClientDefaults,
    IssuerSettings,
    KeySettings,
    Lifetimes,
    LimitSettings,
    MetricsSettings,
    SecretSettings,
    ServerSettings,
    SessionSettings,
    Settings,
    StoreSettings,
    ThrottleSettings,
)
from grantd.server.settings.check import check_settings, is_sealing_key

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
GOOD = Settings(issuers=(IssuerSettings(issuer="https://as.example"),), secrets=SecretSettings(sealing_key=KEY))


def found(settings: Settings) -> list[tuple[str, str]]:
    findings = check_settings(settings)
    assert all(one.wrong and one.right for one in findings)
    return [(one.keys[0], one.wrong) for one in findings]


def with_issuer(**members: Any) -> Settings:
    return msgspec.structs.replace(GOOD, issuers=(IssuerSettings(issuer="https://as.example", **members),))


def issuers(*identifiers: str) -> Settings:
    return msgspec.structs.replace(GOOD, issuers=tuple(IssuerSettings(issuer=one) for one in identifiers))


def test_defaults_are_good() -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("members", "key"),
    [
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"accent": "red"}, "accent"),
        ({"accent": "#12345g"}, "accent"),
        ({"accent": "#123456;"}, "accent"),
        ({"logo_uri": "http://a.example/l.png"}, "logo_uri"),
        ({"logo_uri": "javascript:alert(1)"}, "logo_uri"),
        ({"op_tos_uri": "x"}, "op_tos_uri"),
        ({"hosts": ("ok.example", "Bad.example")}, "hosts[1]"),
        ({"hosts": ("a.example:0",)}, "hosts[0]"),
        ({"hosts": ("https://a.example",)}, "hosts[0]"),
        ({"features": ("pkce", "pkce")}, "features[1]"),
        ({"features": ("no-hyphen",)}, "features[0]"),
        ({"clients": ClientDefaults(default_scope="a  b")}, "clients.default_scope"),
        ({"lifetimes": Lifetimes(access_token=0)}, "lifetimes.access_token"),
        ({"lifetimes": Lifetimes(authorization_code=601)}, "lifetimes.authorization_code"),
        ({"lifetimes": Lifetimes(refresh_overlap=61)}, "lifetimes.refresh_overlap"),
        ({"lifetimes": Lifetimes(refresh_overlap=-1)}, "lifetimes.refresh_overlap"),
        ({"lifetimes": Lifetimes(refresh_token=100, refresh_token_idle=101)}, "lifetimes.refresh_token_idle"),
        (
            {"lifetimes": Lifetimes(refresh_token_public=100, refresh_token_public_idle=101)},
            "lifetimes.refresh_token_public_idle",
        ),
        ({"sessions": SessionSettings(lifetime=100, idle=101)}, "sessions.idle"),
        ({"keys": KeySettings(algorithms=())}, "keys.algorithms"),
        ({"keys": KeySettings(algorithms=("ES256", "ES256"))}, "keys.algorithms"),
        ({"keys": KeySettings(publish_seconds=309)}, "keys.publish_seconds"),
        ({"keys": KeySettings(rotate_seconds=3600, publish_seconds=3600)}, "keys.rotate_seconds"),
        ({"keys": KeySettings(rsa_bits=2047)}, "keys.rsa_bits"),
        ({"throttle": ThrottleSettings(client_failures=0)}, "throttle.client_failures"),
    ],
)
def test_refuses_for_an_issuer(members: dict[str, Any], key: str) -> None:
    assert [one for one, _ in found(with_issuer(**members))] == [f"issuers[0].{key}"]


def test_publishing_just_long_enough_is_good() -> None:
    assert found(with_issuer(keys=KeySettings(publish_seconds=310))) == []


@pytest.mark.parametrize(
    ("member", "value", "key"),
    [
        ("issuers", (), "issuers"),
        ("server", ServerSettings(host="0.0.0.0 "), "server.host"),
        ("server", ServerSettings(port=65_536), "server.port"),
        ("server", ServerSettings(trusted_proxies=("10.0.0.1/8",)), "server.trusted_proxies[0]"),
        ("server", ServerSettings(trusted_proxies=("proxy",)), "server.trusted_proxies[0]"),
        ("server", ServerSettings(trusted_proxies=("10.0.0.0/8", "0.0.0.0/0")), "server.trusted_proxies[1]"),
        ("server", ServerSettings(limits=LimitSettings(header_seconds=0)), "server.limits.header_seconds"),
        ("store", StoreSettings(url="postgres:x"), "store.url"),
        ("store", StoreSettings(url="sqlite"), "store.url"),
        ("store", StoreSettings(url="sqlite:"), "store.url"),
        ("store", StoreSettings(url="sqlite::memory:"), "store.url"),
        ("store", StoreSettings(url="memory:x"), "store.url"),
        ("store", StoreSettings(group_size=0), "store.group_size"),
        ("secrets", SecretSettings(), "secrets.sealing_key"),
        ("secrets", SecretSettings(sealing_key=KEY[:-1]), "secrets.sealing_key"),
        ("metrics", MetricsSettings(port=9400), "metrics.port"),
        ("metrics", MetricsSettings(host="a b"), "metrics.host"),
        ("audit", AuditSettings(flush_seconds=0), "audit.flush_seconds"),
        ("audit", AuditSettings(retention_days=0), "audit.retention_days"),
        ("drafts", {"x": "02"}, "drafts.x"),
        ("drafts", {"X": "-02"}, "drafts.X"),
    ],
)
def test_refuses(member: str, value: Any, key: str) -> None:
    assert [one for one, _ in found(msgspec.structs.replace(GOOD, **{member: value}))] == [key]


def test_a_forgetful_store_needs_no_sealing_key() -> None:
    assert found(Settings(issuers=GOOD.issuers, store=StoreSettings(url="memory:"))) == []


@pytest.mark.req("ISS-02", "ISS-14")
@pytest.mark.parametrize(
    ("identifiers", "index", "says"),
    [
        (("https://a.example", "https://b.example", "https://a.example"), 2, "the same"),
        (("https://a.example/t", "https://a.example/t/"), 1, "trailing slash"),
        (("https://a.example/", "https://a.example"), 1, "trailing slash"),
        (("https://localhost:9400", "http://localhost:9400"), 1, "at the same path"),
        (("https://a.example", "https://a.example/token"), 1, "endpoint of issuers[0]"),
        (("https://a.example/t/authorize/x", "https://a.example/t"), 0, "endpoint of issuers[1]"),
        (("http://a.example",), 0, "https://"),
    ],
)
def test_refuses_issuers_that_collide(identifiers: tuple[str, ...], index: int, says: str) -> None:
    ((key, wrong),) = found(issuers(*identifiers))
    assert key == f"issuers[{index}].issuer"
    assert says in wrong


def test_issuers_live_side_by_side() -> None:
    assert (
        found(issuers("https://a.example", "https://a.example/t", "https://b.example/t", "https://a.example/t/u")) == []
    )


def test_a_further_host_collides_too() -> None:
    settings = msgspec.structs.replace(
        GOOD,
        issuers=(
            IssuerSettings(issuer="https://a.example"),
            IssuerSettings(issuer="https://b.example", hosts=("a.example",)),
        ),
    )
    ((key, wrong),) = found(settings)
    assert key == "issuers[1].issuer"
    assert "a.example" in wrong


def test_sealing_keys() -> None:
    assert is_sealing_key(KEY)
    assert is_sealing_key(KEY + "=")
    assert not is_sealing_key(KEY.replace("A", "+"))
    assert not is_sealing_key(KEY + "==")
    assert not is_sealing_key("ü" * 43)
    assert not is_sealing_key("")
