"""A person in Chromium, the quickstart as it starts for everybody: sign in, decide, see a token used, sign out."""

import os
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from tests.support.quickstart import PASSWORD, USERNAME, Quickstart, start_quickstart

pytestmark = pytest.mark.browser

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# The pages ignore a decision in the moment in which they appear, so that no double click decides.
SETTLED = 500


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quickstart]:
    with start_quickstart(tmp_path_factory.mktemp("quickstart")) as running:
        yield running


@pytest.fixture(params=[True, False], ids=["with script", "without script"])
def context(request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    executable = os.environ.get("GRANTD_TEST_CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser.new_context(java_script_enabled=request.param)
        browser.close()


def demo_page(quickstart: Quickstart) -> str:
    port = int(quickstart.issuer.rpartition(":")[2])
    return f"http://localhost:{port + 3}/"


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("User name").fill(USERNAME)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.mark.req("OA21-042", "OA21-057")
def test_a_person_signs_in_decides_and_sees_the_token_used(quickstart: Quickstart, context: BrowserContext) -> None:
    page = context.new_page()
    violations: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            violations.append(message.text)

    page.on("console", listen)
    page.goto(demo_page(quickstart))
    page.get_by_role("button", name="Sign in with grantd").click()

    sign_in(page, "not the password")
    expect(page.get_by_role("alert")).to_contain_text("do not match")
    expect(page.get_by_label("User name")).to_have_value(USERNAME)
    sign_in(page)

    expect(page.get_by_role("heading", level=1)).to_contain_text("wants")
    expect(page.get_by_text("Ana Ruiz")).to_be_visible()
    page.get_by_label("add notes").uncheck()
    page.wait_for_timeout(SETTLED)
    page.get_by_role("button", name="Allow", exact=True).click()

    page.wait_for_url(demo_page(quickstart))
    expect(page.locator("body")).to_contain_text("notes.read")
    expect(page.locator("body")).not_to_contain_text("notes.write")
    page.get_by_role("button", name="Read my notes").click()
    expect(page.locator("body")).to_contain_text("200")
    assert violations == []


def test_a_person_refuses(quickstart: Quickstart, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(demo_page(quickstart))
    page.get_by_role("button", name="Sign in with grantd").click()
    sign_in(page)
    page.wait_for_timeout(SETTLED)
    page.get_by_role("button", name=re.compile("Don.t allow")).click()
    page.wait_for_url(re.compile(re.escape(demo_page(quickstart))))
    expect(page.locator("body")).to_contain_text("access_denied")


def test_a_person_signs_out(quickstart: Quickstart, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(demo_page(quickstart))
    page.get_by_role("button", name="Sign in with grantd").click()
    sign_in(page)
    page.wait_for_timeout(SETTLED)
    page.get_by_role("button", name="Allow", exact=True).click()
    page.wait_for_url(demo_page(quickstart))

    page.get_by_role("button", name="Sign out and revoke").click()
    page.goto(f"{quickstart.issuer}/sign-out")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("signed out")
    page.goto(demo_page(quickstart))
    page.get_by_role("button", name="Sign in with grantd").click()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()


def test_a_mistaken_developer_meets_a_page_that_helps(quickstart: Quickstart, context: BrowserContext) -> None:
    page = context.new_page()
    answer = page.goto(f"{quickstart.issuer}/authorize?client_id=nobody&redirect_uri=https://evil.example/")
    assert answer is not None
    assert answer.status == 400
    assert page.url.startswith(quickstart.issuer)
    page.get_by_text("Details for developers").click()
    expect(page.get_by_text("client_id is not known")).to_be_visible()
