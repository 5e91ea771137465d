"""The status page in a real Chromium, under its own security policy: accessible, light and dark, wide and narrow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest
import status_cases as cases
from playwright.sync_api import Browser, Page, Route

from toolkit.serving.page import HEADERS, MEDIA_TYPE, render_page

pytestmark = [pytest.mark.browser, pytest.mark.integration]
PICTURES = os.environ.get("TOOLKIT_SCREENSHOTS")
ADDRESS = "http://status.test/status"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
STATES = {"quiet": 30, "alarming": 30, "empty": 30, "many": 300}


@dataclass
class Shown:
    """The page in a browser; ``body`` is what the service answers next (None: it is not there)."""

    page: Page
    body: bytes | None
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def find_violations(self) -> list[str]:
        """Name what axe-core finds at the levels A and AA."""
        axe = files("axe_playwright_python") / "axe.min.js"
        self.page.evaluate(axe.read_text(encoding="utf-8"))
        return self.page.evaluate(
            """async (levels) => (await axe.run({runOnly: levels})).violations
                 .flatMap(each => each.nodes.map(node => `${each.id}: ${node.html.slice(0, 200)}`))""",
            LEVELS,
        )


def make_body(state: str, **change: object) -> bytes:
    count = STATES[state]
    status = cases.alarming(count) if state == "many" else getattr(cases, state)()
    schema = cases.schema_of(cases.feature_names(count))
    return render_page(status | change, schema, cases.LINEAGE, now_s=cases.NOW + 3)


@pytest.fixture
def show(browser: Browser) -> Iterator:
    contexts = []

    def show_(body: bytes, scheme: str = "light", width: int = 1280) -> Shown:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        context.set_default_timeout(90_000)
        page = context.new_page()
        shown = Shown(page, body)
        headers = {name.decode(): value.decode() for name, value in HEADERS} | {"content-type": MEDIA_TYPE}

        def answer(route: Route) -> None:
            shown.asked.append(route.request.url)
            if shown.body is None:
                route.abort()
            else:
                route.fulfill(body=shown.body, headers=headers)

        context.route("**/*", answer)
        page.on("console", lambda message: shown.said.append(message.text))
        page.on("pageerror", lambda error: shown.said.append(str(error)))
        page.clock.install(time=cases.NOW)
        page.goto(ADDRESS)
        return shown

    yield show_
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    ("state", "scheme", "width"),
    [
        *(("alarming", scheme, width) for scheme in ("light", "dark") for width in (1280, 375)),
        ("quiet", "light", 1280),
        ("quiet", "dark", 375),
        ("empty", "light", 375),
        ("many", "dark", 375),
    ],
)
def test_the_page_is_accessible_whole_and_loads_nothing(show, state: str, scheme: str, width: int) -> None:
    shown = show(make_body(state), scheme, width)
    page = shown.page
    for details in page.locator("details").all():
        details.locator("summary").click()
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"status-{state}-{scheme}-{width}.png", full_page=True)
    assert shown.find_violations() == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    lines = "names => names.filter(name => name.getClientRects().length > 1).map(name => name.textContent)"
    assert page.locator(":is(.drift, .shares, .past) th bdi").evaluate_all(lines) == []  # no name is broken
    outside = (
        "parts => parts.filter(part => part.scrollWidth > part.clientWidth).map(part => part.textContent)"
    )
    assert page.locator(":is(.drift, .shares, .past) :is(th, td)").evaluate_all(outside) == []
    assert (shown.asked, shown.said) == ([ADDRESS], [])  # no breach of the policy is said either


def test_a_violation_would_be_found(show) -> None:
    shown = show(make_body("quiet"))
    shown.page.evaluate("document.querySelector('svg[role=img]').removeAttribute('aria-label')")
    shown.page.evaluate("document.querySelector('.quiet').setAttribute('class', 'hidden-from-sheet')")
    shown.page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('afterbegin', '<img src=\"data:,\">')"
    )
    assert {found.partition(":")[0] for found in shown.find_violations()} >= {"image-alt", "svg-img-alt"}


def test_names_that_would_be_scripts_are_shown_as_they_are(show) -> None:
    status = cases.alarming()
    name = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    status["alarms"][0] |= {"column": name, "active": True}
    shown = show(render_page(status, cases.schema_of([name]), cases.LINEAGE, now_s=cases.NOW))
    shown.page.on("dialog", lambda dialog: shown.said.append(dialog.message))
    assert name in shown.page.locator(".alarms").inner_text()
    assert (shown.asked, shown.said) == ([ADDRESS], [])


def test_the_page_follows_the_service_and_keeps_what_is_open(show) -> None:
    shown = show(make_body("quiet"))
    page = shown.page
    page.locator("#further summary").click()
    shown.body = make_body("alarming")
    page.clock.run_for(10_500)
    page.get_by_role("heading", name="alarms are open").wait_for()
    assert "alarms are open" in page.locator("#news").inner_text()
    assert page.title().startswith("4 alarms are open")
    assert page.locator("#further").get_attribute("open") is not None
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    shown.body = None
    page.clock.run_for(10_500)
    page.get_by_text("The service does not answer: what is shown is old.").wait_for()
    shown.body = make_body("quiet")
    page.clock.run_for(10_500)
    page.get_by_role("heading", name="No alarm", exact=True).wait_for()
    assert "does not answer" not in page.locator("#news").inner_text()


def test_following_can_be_stopped(show) -> None:
    shown = show(make_body("quiet"))
    shown.page.get_by_label("follow").uncheck()
    shown.page.clock.run_for(60_000)
    assert shown.asked == [ADDRESS]
