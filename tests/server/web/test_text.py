import gettext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.server.web import text

NGETTEXT = gettext.NullTranslations().ngettext


@pytest.mark.req("OA21-128")
@given(st.text(max_size=2000))
def test_foreign_text_stays_one_escaped_line(value: str) -> None:
    shown = text.foreign(value)
    inner = shown.removeprefix("<bdi>").removesuffix("</bdi>")
    assert "<" not in inner
    assert '"' not in inner
    assert not set(inner) & set("\n\r\t\x00\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff")
    assert len(text.plain(value)) <= text.LONGEST


@pytest.mark.req("OA21-128")
def test_overrides_and_towers_of_accents_go_and_writing_systems_stay() -> None:
    assert text.plain("Par\u202enip\u200b s") == "Parnip s"
    assert text.plain("a" + "\u0301" * 50) == "a\u0301\u0301"
    assert text.plain("न\u200dम 👩\u200d🚀") == "न\u200dम 👩\u200d🚀"


def test_long_text_is_cut_visibly() -> None:
    assert text.plain("x" * 121).endswith("x…")
    assert text.plain("x" * 120) == "x" * 120


@pytest.mark.req("OA21-128")
@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "https:", "http://[", ""]
)
def test_what_is_no_web_address_becomes_no_link(address: str) -> None:
    assert not text.web_link(address)


def test_web_addresses_become_links() -> None:
    assert text.web_link("https://parsnip.example/privacy") == "https://parsnip.example/privacy"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (45, "45 seconds"),
        (60, "1 minute"),
        (601, "11 minutes"),
        (5400, "1 hour 30 minutes"),
        (86_400, "1 day"),
        (86_401, "1 day 1 hour"),
        (2_592_000, "30 days"),
    ],
)
def test_durations_in_words_are_never_too_short(seconds: int, words: str) -> None:
    assert text.duration(seconds, NGETTEXT) == words


@pytest.mark.req("OA21-132")
def test_a_long_host_keeps_the_end_that_says_whose_it_is() -> None:
    shown = text.host("accounts.bluebank.example." + "a" * 100 + ".evil.example")
    assert shown.startswith("<bdi>…a")
    assert shown.endswith("a.evil.example</bdi>")
    assert text.host("parsnip.example") == "<bdi>parsnip.example</bdi>"


@pytest.mark.parametrize(("name", "letter"), [("parsnip", "P"), ("(ana)", "A"), ("…", "?"), ("ßeta", "S")])
def test_initials(name: str, letter: str) -> None:
    assert text.initial(name) == letter
