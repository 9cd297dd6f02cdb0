"""Pages in a real browser: usable by everyone, at any width, by keyboard, without scripts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.reporting.releases import served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

PATHS = (
    "/",
    "/units",
    "/unit/central/amk_oslo/2026-09",
    "/kpi/c113_within_10s/113/central/2026-09",
    "/kpi/resp_urban_12/all/county/2026-09",
    "/series/c113_within_10s/113/central/amk_oslo/month",
    "/compare",
    "/compare?units=amk_oslo,amk_bergen&kpis=c113_within_10s&period=2026-08..2026-09",
    "/air",
    "/staffing/central/amk_oslo/2026",
    "/definitions",
    "/definition/c113_within_10s",
    "/quality",
    "/changes",
    "/changes/c113_within_10s",
    "/chain",
    "/chain/central/amk_oslo/2026-09",
    "/about",
    "/search?q=oslo",
    "/nowhere",
    "/api/v1/docs",
)
WIDTHS = (360, 768, 1440)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture(scope="module")
def address(later: Path) -> Iterator[str]:
    """The address of a running server."""
    with served(later) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


def opened(browser: Browser, url: str, width: int, **options: bool) -> Page:
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    page = context.new_page()
    page.goto(url)
    return page


# The languages share their templates; the unit's page has something of everything.
@pytest.mark.parametrize("path", [*PATHS, "/en/unit/central/amk_oslo/2026-09"])
def test_no_one_is_shut_out(browser: Browser, address: str, path: str) -> None:
    # The checker is put into the page by the test; the page's own policy lets no script in.
    page = opened(browser, f"{address}{path}", 1440, bypass_csp=True)
    found = Axe().run(page, options=RULES)
    page.context.close()
    assert found.violations_count == 0, found.generate_report()


def test_the_checker_sees_what_is_wrong(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html><body><img src='data:,'><input></body></html>")
    assert Axe().run(page, options=RULES).violations_count >= 3
    page.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_is_wider_than_the_window(browser: Browser, address: str, width: int) -> None:
    page = opened(browser, f"{address}/", width)
    for path in PATHS:
        page.goto(f"{address}{path}")
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{path} is {overflow} px wider than {width}"
    page.context.close()


def test_by_keyboard_alone_and_without_scripts(browser: Browser, address: str) -> None:
    page = opened(browser, f"{address}/", 1440, java_script_enabled=False)
    assert page.locator("script").count() == 0
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("class") == "skip"
    search = page.locator("input[type=search]")
    for _ in range(12):
        page.keyboard.press("Tab")
        if search.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.type("amk oslo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=amk+oslo")
    page.get_by_role("link", name="AMK Oslo").first.click()
    assert page.locator("h1").inner_text() == "AMK Oslo"
    page.context.close()


def test_a_comparison_is_chosen_without_scripts(browser: Browser, address: str) -> None:
    page = opened(browser, f"{address}/compare?level=central", 768, java_script_enabled=False)
    page.get_by_label("Enhet 1").select_option("amk_oslo")
    page.get_by_label("Enhet 2").select_option("amk_bergen")
    page.get_by_label("Nøkkeltall 1").select_option("c113_within_10s")
    page.get_by_label("Til").select_option("2026-09")
    page.get_by_role("button", name="Vis").click()
    page.wait_for_url("**/compare?*units=amk_oslo&units=amk_bergen*kpis=c113_within_10s*")
    assert page.get_by_label("Enhet 2").input_value() == "amk_bergen"
    assert page.locator("table").first.get_by_text("skjult").is_visible()
    page.context.close()


def test_printed_pages_leave_the_search_out(browser: Browser, address: str) -> None:
    page = opened(browser, f"{address}/unit/central/amk_oslo/2026-09", 1440)
    page.emulate_media(media="print")
    assert not page.locator("header form").is_visible()
    assert page.locator("table").first.is_visible()
    page.context.close()
