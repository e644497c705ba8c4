import gettext
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.browser import samples
from tests.browser.samples import (
    BRAND,
    CALENDAR,
    HOSTILE,
    OWN,
    PARSNIP,
    PROFILE,
    PROGRAM,
    STRANGER,
    challenge,
    consent,
    pages,
    sign_in,
)

from grantd.server.http.messages import Response
from grantd.server.pipeline.model import Challenge, ConsentContent, ConsentItem
from grantd.server.pipeline.pages import (
    Brand,
    ClientView,
    ErrorKey,
    Form,
    Pages,
    PasswordView,
    ProblemKey,
    SignInView,
    WaitView,
)
from grantd.server.web import JinjaPages, assets, static_files
from grantd.server.web.words import ERRORS, OTHER_PROBLEM, PROBLEMS

WEB = Path(assets.__file__).parent


class Reader(HTMLParser):
    """Collects the elements with their attributes, and the text outside of them."""

    def __init__(self, page: Response) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page.body.decode())
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def inputs(self) -> list[tuple[str | None, str | None]]:
        return [
            (a.get("name"), a.get("value")) for tag, a in self.elements if tag in {"input", "button"} and "name" in a
        ]

    def first(self, **wanted: str) -> dict[str, str | None]:
        return next(a for _, a in self.elements if wanted.items() <= a.items())


def header(page: Response, name: bytes) -> str:
    (value,) = [value for key, value in page.headers if key == name]
    return value.decode()


def policy(page: Response) -> dict[str, str]:
    return dict(part.split(" ", 1) for part in header(page, b"content-security-policy").split("; "))


def framed(*ancestors: str, source: str = "") -> Response:
    form = Form(action="/i", csrf="c", version=1, redirect_source=source, frame_ancestors=ancestors)
    return pages().challenge(sign_in(PARSNIP), brand=BRAND, form=form, correlation_id="r")


def port() -> Pages:
    return JinjaPages()


@pytest.mark.req("OA21-127")
@pytest.mark.parametrize("name", samples.samples())
def test_every_page_refuses_frames_inline_code_caches_and_referrers(name: str) -> None:
    page = samples.samples()[name]
    assert policy(page)["frame-ancestors"] == "'none'"
    assert header(page, b"x-frame-options") == "DENY"
    assert policy(page)["default-src"] == "'none'"
    assert policy(page)["script-src"] == policy(page)["style-src"] == policy(page)["img-src"] == "'self'"
    assert policy(page)["base-uri"] == "'none'"
    assert header(page, b"cache-control") == "no-store"
    assert header(page, b"referrer-policy") == "no-referrer"
    assert header(page, b"x-content-type-options") == "nosniff"
    assert header(page, b"cross-origin-opener-policy") == "same-origin"
    assert header(page, b"content-type") == "text/html; charset=utf-8"
    elements = Reader(page).elements
    assert not [a for _, a in elements if "style" in a or any(key.startswith("on") for key in a)]
    assert all("src" in a for tag, a in elements if tag == "script")
    assert "style" not in {tag for tag, _ in elements}


@pytest.mark.req("OA21-153")
def test_named_origins_alone_may_frame() -> None:
    page = framed("https://portal.example", "https://intranet.example:8443")
    assert policy(page)["frame-ancestors"] == "https://portal.example https://intranet.example:8443"
    assert b"x-frame-options" not in dict(page.headers)


@pytest.mark.req("OA21-153", "OA21-127")
@pytest.mark.parametrize(
    "origin", ["*", "https:", "https://*.example", "https://a.example; script-src *", "https://a.example b", "'self'"]
)
def test_what_is_no_origin_may_not_frame(origin: str) -> None:
    page = framed(origin)
    assert policy(page)["frame-ancestors"] == "'none'"
    assert header(page, b"x-frame-options") == "DENY"


@pytest.mark.req("OA21-127")
def test_error_pages_are_framed_by_nobody_and_post_nowhere() -> None:
    page = pages().error("unexpected", brand=BRAND, correlation_id="r", status=500)
    assert page.status == 500
    assert policy(page)["frame-ancestors"] == "'none'"
    assert policy(page)["form-action"] == "'none'"


@pytest.mark.parametrize(
    ("source", "action"),
    [
        ("", "'self'"),
        ("https://parsnip.example", "'self' https://parsnip.example"),
        ("http://127.0.0.1:5123", "'self' http://127.0.0.1:5123"),
        ("com.example.app:", "'self' com.example.app:"),
        ("http://[::1]:5123", "'self' http:"),
        ("https://a.example; script-src *", "'self'"),
        ("https://a.example *", "'self'"),
        ("https://a.example\r\nset-cookie: a=b", "'self'"),
        ("*", "'self'"),
    ],
)
def test_forms_may_lead_to_the_redirect_target_only(source: str, action: str) -> None:
    assert policy(framed(source=source))["form-action"] == action


@pytest.mark.req("OA21-128")
def test_hostile_text_is_shown_as_text_everywhere() -> None:
    hostile = ClientView(
        name=HOSTILE,
        host=HOSTILE,
        standing="unverified",
        developer=HOSTILE,
        policy_uri="javascript:a()",
        tos_uri=HOSTILE,
    )
    content = ConsentContent(
        section=HOSTILE,
        title=HOSTILE,
        subtitle=HOSTILE,
        items=(
            ConsentItem(value=HOSTILE, text=HOSTILE, detail=HOSTILE),
            ConsentItem(value=HOSTILE, text=HOSTILE, detail=HOSTILE, optional=False),
        ),
    )
    brand = Brand(name=HOSTILE, host=HOSTILE, logo_path=HOSTILE, base_path=HOSTILE)
    form = Form(action=HOSTILE, csrf=HOSTILE, version=1, redirect_source=HOSTILE, frame_ancestors=(HOSTILE,))

    def of(value: Challenge) -> Response:
        return pages().challenge(value, brand=brand, form=form, correlation_id=HOSTILE)

    shown = [
        of(sign_in(hostile, problem=HOSTILE, username=HOSTILE)),
        of(consent(hostile, content, problem=HOSTILE)),
        of(Challenge(step=HOSTILE, view=WaitView(seconds=5))),
        pages().signed_out(brand=brand, correlation_id=HOSTILE, form=form),
        pages().signed_out(brand=brand, correlation_id=HOSTILE, form=None),
        *(pages().error(key, brand=brand, correlation_id=HOSTILE, developer=HOSTILE) for key in ERRORS),
    ]
    for page in shown:
        elements = Reader(page).elements
        assert [tag for tag, _ in elements].count("script") == 1
        assert not [a for _, a in elements if any(key.startswith("on") for key in a)]
        assert not [a for tag, a in elements if tag == "a"]
        # The only image is the issuer's logo.
        assert [tag for tag, _ in elements].count("img") == 1
        assert "1337" not in Reader(page).text
        assert all(b"\n" not in value and b"\r" not in value for _, value in page.headers)


@pytest.mark.req("OA21-128")
@given(name=st.text(max_size=300), host=st.text(max_size=300), username=st.text(max_size=300))
def test_any_text_leaves_the_structure_of_the_page_alone(name: str, host: str, username: str) -> None:
    usual = Reader(challenge(sign_in(STRANGER, username="ana")))
    page = Reader(
        challenge(sign_in(ClientView(name=name, host=host + "h", standing="unverified"), username=username + "u"))
    )
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in usual.elements]


def test_half_a_surrogate_pair_costs_no_page() -> None:
    assert challenge(sign_in(STRANGER, username="\ud800")).status == 200


def test_sign_in_has_plain_named_inputs() -> None:
    page = Reader(challenge(sign_in(PARSNIP, username="ana")))
    assert page.inputs() == [
        ("csrf", "c5rf"),
        ("version", "3"),
        ("step", "sign_in"),
        ("method", "password"),
        ("username", "ana"),
        ("password", None),
    ]
    assert page.first(name="username")["autocomplete"] == "username"
    assert page.first(name="password")["autocomplete"] == "current-password"
    assert page.first(name="password")["type"] == "password"
    assert "autofocus" in page.first(name="password")
    assert "Parsnip asks you to sign in" in page.text
    assert "parsnip.example" in page.text


@pytest.mark.req("OA21-131")
def test_consent_shows_client_developer_scopes_and_lifetime() -> None:
    page = Reader(challenge(consent(PARSNIP, CALENDAR, PROFILE)))
    for words in (
        "Parsnip wants to act for you",
        "Made by Parsnip Ltd",
        "Privacy policy",
        "signed in as Ana Ruiz (ana)",
        "At Calendar API it wants to",
        "read your events",
        "calendar.read",
        "see your name and picture The rest does not work without it",
        "Lasts up to 30 days",
        "it then stops within 10 minutes",
        "you go on to parsnip.example",
    ):
        assert words in page.text
    assert page.inputs()[3:] == [
        ("scopes", "calendar.read"),
        ("scopes", "calendar.write"),
        ("scopes", "calendar.share"),
        ("scopes", "profile"),
        ("decision", "allow"),
        ("decision", "deny"),
    ]
    assert [a.get("class") for _, a in page.elements if a.get("name") == "decision"] == ["button equal"] * 2
    assert [a["value"] for _, a in page.elements if a.get("type") == "checkbox" and "checked" in a] == [
        "calendar.read",
        "calendar.write",
    ]


@pytest.mark.req("OA21-131")
def test_consent_without_lasting_access_says_when_it_ends() -> None:
    page = Reader(challenge(consent(PARSNIP, CALENDAR, lasting=None)))
    assert "Ends by itself after 10 minutes." in page.text
    assert "Lasts" not in page.text


@pytest.mark.req("OA21-132")
@pytest.mark.parametrize(
    ("client", "words"),
    [
        (OWN, "Part of Blue Bank"),
        (PARSNIP, "Registered with Blue Bank"),
        (STRANGER, "Not checked by Blue Bank. Anyone can choose this name"),
        (PROGRAM, "A program on this device. Blue Bank cannot tell which one"),
    ],
)
def test_pages_show_host_and_standing_of_the_client(client: ClientView, words: str) -> None:
    for page in (Reader(challenge(sign_in(client))), Reader(challenge(consent(client, CALENDAR)))):
        assert client.host in page.text
        assert [w for w in ("Part of", "Registered with", "Not checked", "A program on") if w in page.text] == [
            w for w in ("Part of", "Registered with", "Not checked", "A program on") if words.startswith(w)
        ]
        assert words in page.text


def test_every_key_has_words_and_no_words_are_left_over() -> None:
    assert set(ERRORS) == set(get_args(ErrorKey))
    assert set(PROBLEMS) == set(get_args(ProblemKey)) - {""}


@pytest.mark.parametrize("key", [*PROBLEMS, "a_key_of_a_feature"])
def test_problems_are_alerts_before_the_form(key: str) -> None:
    words = {str(known): text for known, text in PROBLEMS.items()}.get(key, OTHER_PROBLEM)
    for value in (sign_in(PARSNIP, problem=key, status=401), consent(PARSNIP, CALENDAR, problem=key)):
        response = challenge(value)
        page = Reader(response)
        assert response.status == value.status
        assert words in page.text
        order = [a.get("role") or tag for tag, a in page.elements]
        assert order.index("alert") < order.index("form")
        assert "Problem:" in page.text


def test_a_page_without_problem_has_no_alert() -> None:
    assert "alert" not in [a.get("role") for _, a in Reader(challenge(sign_in(PARSNIP))).elements]


@pytest.mark.parametrize("key", get_args(ErrorKey))
def test_errors_say_what_and_how_with_a_reference_and_fold_the_rest(key: ErrorKey) -> None:
    page = Reader(port().error(key, brand=BRAND, correlation_id="4f2a", developer="compare 100% exactly"))
    words = ERRORS[key]
    for sentence in (words.title, words.text, words.advice):
        assert sentence % {"issuer": "Blue Bank"} in page.text
    assert "Reference 4f2a" in page.text
    assert page.text.index("Details for developers") < page.text.index("compare 100% exactly")
    assert "open" not in next(a for tag, a in page.elements if tag == "details")


def test_sign_out_asks_and_confirms() -> None:
    form = Form(action="/sign-out", csrf="c", version=1)
    question = Reader(pages().signed_out(brand=BRAND, correlation_id="r", form=form))
    assert "Sign out of Blue Bank?" in question.text
    assert question.inputs() == [("csrf", "c"), ("version", "1")]
    done = Reader(pages().signed_out(brand=BRAND, correlation_id="r", form=None))
    assert "You are signed out" in done.text
    assert done.inputs() == []


def test_files_of_a_page_are_the_static_files_below_the_base_path() -> None:
    brand = Brand(name="Blue", host="h", accent="#7a1f5c", base_path="/t/blue")
    page = Reader(pages().error("not_found", brand=brand, correlation_id="r"))
    linked = {a.get("href") or a.get("src") for tag, a in page.elements if tag in {"link", "script"}}
    files = static_files(brand)
    assert linked == {brand.base_path + path for path in files}
    for path, (headers, body) in files.items():
        assert re.fullmatch(r"/static/(app|brand|mark)\.[0-9a-f]{16}\.(css|js|svg)", path)
        assert (b"cache-control", b"public, max-age=31536000, immutable") in headers
        assert body
    assert set(static_files(BRAND)) ^ set(files) != set(), "another accent has another name"


def test_a_logo_stands_in_for_the_mark() -> None:
    brand = Brand(name="Blue", host="h", logo_path="/logo.svg")
    page = Reader(pages().error("not_found", brand=brand, correlation_id="r"))
    assert ("img", {"class": "logo", "src": "/logo.svg", "alt": "", "height": "32"}) in page.elements
    assert "svg" not in {tag for tag, _ in page.elements}


def test_pages_are_light() -> None:
    files = sum(len(body) for _, body in static_files(BRAND).values())
    style = (WEB / "static" / "app.css").stat().st_size
    assert style < 20_000
    for name, page in samples.samples().items():
        assert files + len(page.body) < 30_000, name


def test_every_class_has_a_style_and_every_style_a_use() -> None:
    style = re.sub(r"/\*.*?\*/|\"[^\"]*\"", "", (WEB / "static" / "app.css").read_text(), flags=re.DOTALL)
    styled = set(re.findall(r"\.([a-z][a-z-]*)(?=[^{}]*\{)", style))
    templates = "".join(path.read_text() for path in (WEB / "templates").rglob("*.html"))
    used = {name for names in re.findall(r'class="([^"{]+)"', templates) for name in names.split()}
    assert styled == used


def test_words_come_from_the_catalogue() -> None:
    class Loud(gettext.NullTranslations):
        def gettext(self, message: str) -> str:
            return message.upper() if "%(" not in message else message

        def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
            return "%(num)d Tage"

    loud = JinjaPages(translations=Loud(), language="de")
    page = Reader(loud.challenge(consent(PARSNIP, CALENDAR, problem="nothing_chosen"), brand=BRAND, form=samples.form(), correlation_id="r"))  # fmt: skip
    assert page.elements[0] == ("html", {"lang": "de"})
    assert "NOTHING WAS TICKED" in page.text
    assert "DON\u2019T ALLOW" in page.text
    assert "30 Tage" in page.text


def test_features_bring_pages_and_methods_but_replace_none(tmp_path: Path) -> None:
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / "wink.html").write_text("<p>Wink, {{ part }}</p>")
    (tmp_path / "device_code.html").write_text('{% extends "base.html" %}{% block main %}{{ view }}{% endblock %}')
    (tmp_path / "error.html").write_text("mine")
    own = JinjaPages(folders=(tmp_path,))

    def of(value: Challenge) -> str:
        return Reader(own.challenge(value, brand=BRAND, form=samples.form(), correlation_id="r")).text

    assert "<b>" in of(Challenge(step="device_code", view="<b>"))
    view = SignInView(client=PARSNIP, methods={"wink": "Ana", "password": PasswordView()})
    assert "Wink, Ana User name" in of(Challenge(step="sign_in", view=view))
    assert b"mine" not in own.error("not_found", brand=BRAND, correlation_id="r").body
    with pytest.raises(KeyError):
        own.challenge(Challenge(step="nowhere", view=None), brand=BRAND, form=samples.form(), correlation_id="r")
