"""What Chromium makes of every page; the end-to-end flows against the whole server stand elsewhere."""

import time
from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser, Dialog, Page, Response, Route, sync_playwright
from tests.browser.samples import BRAND, CHROMIUM_ARGUMENTS, chromium, samples, serving

from grantd.server.web import static_files

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium here; set GRANTD_TEST_CHROMIUM"),
]

SIZES = {"phone": (360, 740), "desktop": (1280, 800)}
Scheme = Literal["light", "dark"]

FIRST_PAINT = """() => new Promise((tell) => new PerformanceObserver((list) => {
  for (const entry of list.getEntriesByName('first-contentful-paint')) tell(entry.startTime);
}).observe({type: 'paint', buffered: true}))"""

IN_READING_ORDER = """() => {
  const seen = [...document.querySelectorAll('a[href],button,input,summary')]
    .filter((e) => !e.hidden && e.type !== 'hidden' && e.checkVisibility());
  return seen.map((e) => e.outerHTML.slice(0, 120));
}"""


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    yield opened
    opened.close()


@pytest.mark.req("OA21-127", "OA21-128")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_pages_are_accessible_quiet_and_narrow(
    browser: Browser, origin: str, size: str, scheme: Scheme, *, script: bool
) -> None:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    if not script:
        # The checker itself needs a script engine, so only the page's own script is taken away here.
        page.route("**/static/app.*.js", lambda route: route.fulfill(content_type="text/javascript", body=""))
    said: list[str] = []

    def refuse(dialog: Dialog) -> None:
        said.append(f"dialog {dialog.message}")
        dialog.dismiss()

    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", refuse)
    page.on("requestfailed", lambda request: said.append(f"failed {request.url}"))
    for name in samples():
        page.goto(f"{origin}/{name}")
        for fold in page.locator("details").all():
            fold.evaluate("element => { element.open = true }")
        violations = Axe().run(page)
        assert violations.violations_count == 0, f"{name}: {violations.generate_report()}"
        for narrow in (width, 320):
            page.set_viewport_size({"width": narrow, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= narrow, f"{name} at {narrow}"
        page.set_viewport_size({"width": width, "height": height})
        card = page.locator("main").bounding_box()
        assert card is not None
        assert card["width"] <= 26 * 16, name
        assert said == [], name
    context.close()


@pytest.mark.parametrize("name", samples())
def test_everything_is_reached_by_keyboard_in_reading_order(page: Page, origin: str, name: str) -> None:
    page.goto(f"{origin}/{name}")
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    expected = page.evaluate(IN_READING_ORDER)
    # From the top, wherever the page put the focus.
    page.evaluate("document.activeElement.blur(); document.body.tabIndex = -1; document.body.focus()")
    reached = []
    for _ in expected:
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.outerHTML.slice(0, 120)"))
        box = page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth] })()"
        )
        assert box[0] == "solid"
        assert box[1] in {"2px", "3px"}
    assert reached == expected
    tops = page.evaluate(
        "[...document.querySelectorAll('a[href],button,input,summary')].filter(e => e.checkVisibility())"
        ".map(e => e.getBoundingClientRect().top)"
    )
    rows = [round(top / 40) for top in tops]
    assert rows == sorted(rows)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_signing_in_posts_plain_fields(browser: Browser, origin: str, *, script: bool) -> None:
    context = browser.new_context(java_script_enabled=script)
    page = context.new_page()
    page.goto(f"{origin}/sign-in")
    page.locator("#username:focus").press_sequentially("ana")
    page.keyboard.press("Tab")
    page.keyboard.type("pass word+1")
    with page.expect_navigation() as navigation:
        page.keyboard.press("Enter")
    answer = navigation.value
    assert answer.text() == "csrf=c5rf&version=3&step=sign_in&method=password&username=ana&password=pass+word%2B1"
    # What no-referrer costs: a server that looks at Origin has to expect this.
    assert answer.headers["x-origin"] == "null"
    context.close()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize(("button", "decision"), [("Allow", "allow"), ("Don\u2019t allow", "deny")])
def test_deciding_posts_the_ticked_things(
    browser: Browser, origin: str, *, script: bool, button: str, decision: str
) -> None:
    context = browser.new_context(java_script_enabled=script)
    page = context.new_page()
    page.goto(f"{origin}/consent")
    page.get_by_label("add events and change them").uncheck()
    time.sleep(0.5)
    with page.expect_navigation() as navigation:
        page.get_by_role("button", name=button, exact=True).click()
    assert navigation.value.text() == (
        f"csrf=c5rf&version=3&step=consent&scopes=calendar.read&scopes=profile&decision={decision}"
    )
    context.close()


def test_the_two_decisions_weigh_the_same(page: Page, origin: str) -> None:
    page.goto(f"{origin}/consent")
    looks = page.evaluate(
        "[...document.querySelectorAll('[name=decision]')].map(e => { const s = getComputedStyle(e), b = "
        "e.getBoundingClientRect(); return [b.width, b.height, b.top, s.backgroundColor, s.color, s.fontWeight, "
        "s.borderColor].join() })"
    )
    assert len(looks) == 2
    assert len(set(looks)) == 1


@pytest.mark.req("OA21-127")
def test_a_click_that_comes_with_the_page_decides_nothing(page: Page, origin: str) -> None:
    page.goto(f"{origin}/consent")
    page.evaluate(
        "dispatchEvent(new PageTransitionEvent('pageshow')); document.querySelector('[name=decision]').click()"
    )
    assert page.url == f"{origin}/consent"
    time.sleep(0.5)
    with page.expect_navigation():
        page.evaluate("document.querySelector('[name=decision]').click()")


@pytest.mark.req("OA21-127")
def test_a_stranger_cannot_frame_a_page(page: Page, origin: str) -> None:
    # The same server under its other name is another origin.
    stranger = origin.replace("127.0.0.1", "localhost")

    def frame(route: Route) -> None:
        route.fulfill(content_type="text/html", body=f"<iframe src='{origin}/consent'></iframe>")

    page.route(f"{stranger}/", frame)
    page.goto(f"{stranger}/")
    page.wait_for_timeout(300)
    assert [inner.url for inner in page.frames[1:]] == ["chrome-error://chromewebdata/"]


def test_show_password_and_caps_lock(page: Page, origin: str) -> None:
    page.goto(f"{origin}/sign-in")
    field, toggle = page.locator("#password"), page.get_by_role("button", name="Show password")
    field.fill("secret")
    toggle.click()
    assert field.get_attribute("type") == "text"
    assert toggle.get_attribute("aria-pressed") == "true"
    assert toggle.inner_text() == "Hide"
    toggle.click()
    assert field.get_attribute("type") == "password"
    hint = page.locator("[data-caps-lock]")
    assert not hint.is_visible()
    field.evaluate("e => e.dispatchEvent(new KeyboardEvent('keyup', {key: 'A', modifierCapsLock: true}))")
    assert hint.inner_text() == "Caps Lock is on."
    field.evaluate("e => e.dispatchEvent(new KeyboardEvent('keyup', {key: 'a'}))")
    assert not hint.is_visible()


def test_without_script_nothing_is_offered_that_needs_it(browser: Browser, origin: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{origin}/sign-in")
    assert page.get_by_role("button").all_inner_texts() == ["Sign in"]
    page.goto(f"{origin}/error")
    assert page.get_by_role("button").count() == 0
    page.goto(f"{origin}/wait")
    assert page.get_by_text("It is worth looking again in 30 seconds.").is_visible()
    context.close()


def test_a_form_is_sent_once(page: Page, origin: str) -> None:
    sent: list[str] = []
    page.goto(f"{origin}/sign-in-problem")
    page.locator("#password").fill("x")

    def hold(route: Route) -> None:
        sent.append(route.request.method)

    page.route("**/interaction**", hold)
    page.evaluate("for (let i = 0; i < 3; i++) document.querySelector('.full').click()")
    page.wait_for_timeout(300)
    assert sent == ["POST"]


def test_focus_is_where_the_answer_goes(page: Page, origin: str) -> None:
    for name, focused in (("sign-in", "username"), ("sign-in-problem", "password"), ("consent-problem", "problem")):
        page.goto(f"{origin}/{name}")
        assert page.evaluate("document.activeElement.id") == focused
    page.goto(f"{origin}/consent")
    assert page.evaluate("document.activeElement.tagName") == "BODY"


def test_a_wait_counts_down_and_asks_again(page: Page, origin: str) -> None:
    page.clock.install()
    page.goto(f"{origin}/wait")
    assert page.get_by_text("Looks again in 30 seconds.").is_visible()
    page.clock.run_for(29_000)
    assert page.get_by_text("Looks again in 1 second.").is_visible()
    with page.expect_navigation() as navigation:
        page.clock.run_for(1_000)
    assert navigation.value.text() == "csrf=c5rf&version=3&step=sign_in"


def test_high_contrast_and_still_pages_keep_every_control(browser: Browser, origin: str) -> None:
    context = browser.new_context(forced_colors="active", reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{origin}/consent")
    assert page.locator("input[type=checkbox]").first.evaluate("e => getComputedStyle(e).appearance") == "auto"
    assert page.locator("button").first.evaluate("e => getComputedStyle(e).transitionDuration") == "0s"
    context.close()


def test_a_first_visit_is_light(page: Page, origin: str) -> None:
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - it marks the function it is given
    page.goto(f"{origin}/sign-in")
    paths = {answer.url.removeprefix(origin) for answer in answers}
    assert {"/sign-in", *(path for path in static_files(BRAND) if not path.endswith(".svg"))} <= paths
    assert sum(len(answer.body()) for answer in answers) < 30_000


def test_the_first_paint_can_come_within_100_ms(browser: Browser, origin: str) -> None:
    # Paints in software on a shared machine scatter by a factor of three, so this holds the best of twenty against the
    # goal: it finds a page that cannot be so quick, not one that seldom is.
    paints: list[float] = []
    while len(paints) < 20 and min(paints, default=100) >= 100:
        context = browser.new_context()
        page = context.new_page()
        # Starting the browser's process for the site is not what is measured.
        page.goto(f"{origin}/nowhere")
        page.goto(f"{origin}/sign-in")
        paints.append(page.evaluate(FIRST_PAINT))
        context.close()
    assert min(paints) < 100
