"""Every page and every dialog keeps WCAG 2.2 AA in both themes, and fits a phone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.browser.conftest import Install
from tests.support import axe
from tests.support.browser import Visits
from tests.support.product import Product

KEY = "correct-horse-battery-staple"
WIDE: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
LOOKS = ((WIDE, "light"), (WIDE, "dark"), (PHONE, "dark"))
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

Step = Callable[[Page], Awaitable[object]]


@dataclass(frozen=True)
class Screen:
    """A page at `path`, in which `{state}` is the job that is in it, and what is done there before one looks."""

    path: str
    shows: str
    steps: tuple[Step, ...] = ()


def click(name: str) -> Step:
    return lambda page: page.get_by_role("button", name=name, exact=True).click()


def fill(label: str, text: str) -> Step:
    return lambda page: page.get_by_label(label, exact=True).fill(text)


async def select_first(page: Page) -> None:
    await page.get_by_role("checkbox").nth(1).check()


async def change_payload(page: Page) -> None:
    await page.get_by_role("textbox", name="Payload as JSON").fill('{"message": "another"}')


async def break_payload(page: Page) -> None:
    await page.get_by_role("textbox", name="Payload as JSON").fill('{"message": ')
    await page.locator(".cm-lintRange-error, .cm-lint-marker-error").first.wait_for()


async def leave(page: Page) -> None:
    await page.get_by_role("link", name="Queues").click()
    await expect(page.get_by_role("dialog")).to_be_visible()


async def look_up(page: Page) -> None:
    await page.get_by_role("combobox").fill("demo")
    await expect(page.get_by_role("option").first).to_be_visible()


LETTERS = "Jobs that failed for good."
EDIT = click("Edit & replay")
SCREENS = {
    "overview": Screen("/", "Jobs by state"),
    "overview, numbers as a table": Screen("/", "Jobs by state", (click("Table"),)),
    "search": Screen("/queues", "Queues", (look_up,)),
    "queues": Screen("/queues", "Queues"),
    "pause a queue": Screen("/queues", "Pause", (click("Pause default"),)),
    "limits of a queue": Screen("/queues", "Limits", (click("Limits of default"),)),
    "workers": Screen("/workers", "Workers"),
    "tasks": Screen("/tasks?task=mainframe.post_transaction", "transactional"),
    "jobs": Screen("/jobs", "Copy as curl"),
    "jobs, none": Screen("/jobs?tag=nothing-has-this-tag", "No job fits these filters"),
    "job that succeeded": Screen("/jobs/{SUCCEEDED}", "Attempts"),
    "job that failed": Screen("/jobs/{FAILED}", "Traceback"),
    "job that runs": Screen("/jobs/{RUNNING}", "Running"),
    "job for later": Screen("/jobs/{SCHEDULED}", "Scheduled"),
    "job that was cancelled": Screen("/jobs/{CANCELLED}", "Cancelled"),
    "cancel a job": Screen("/jobs/{RUNNING}", "Running", (click("Cancel"),)),
    "run a job now": Screen("/jobs/{SCHEDULED}", "Scheduled", (click("Run now"),)),
    "no such job": Screen("/jobs/00000000-0000-7000-8000-000000000000", "No such job"),
    "dead letters": Screen("/dead-letters", LETTERS),
    "dead letters, one selected": Screen("/dead-letters", LETTERS, (select_first,)),
    "discard the selected": Screen("/dead-letters", LETTERS, (select_first, click("Discard 1 dead letter"))),
    "dead letters, discarded": Screen("/dead-letters?state=discarded", "Decision"),
    "dead letter": Screen("/dead-letters/{FAILED}", "What failed"),
    "dead letter in the editor": Screen("/dead-letters/{FAILED}", "What failed", (EDIT, change_payload)),
    "broken payload": Screen("/dead-letters/{FAILED}", "What failed", (EDIT, break_payload)),
    "leave an edit": Screen("/dead-letters/{FAILED}", "What failed", (EDIT, change_payload, leave)),
    "replay a dead letter": Screen(
        "/dead-letters/{FAILED}", "What failed", (click("Replay as is"), fill("Reason", "x"))
    ),
    "discard a dead letter": Screen("/dead-letters/{FAILED}", "What failed", (click("Discard"),)),
    "replayed dead letter": Screen("/dead-letters/{REPLAYED}", "After the replay"),
    "discarded dead letter": Screen("/dead-letters/{DISCARDED}", "Discarded"),
    "no such page": Screen("/nowhere", "There is no such page"),
}
EMPTY = {
    "/": "Run your first job",
    "/jobs": "No job was submitted yet",
    "/dead-letters": "Nothing needs a decision",
    "/queues": "No queue is used yet",
    "/workers": "No worker",
    "/tasks": "No task is registered yet",
}


@pytest.fixture(scope="session")
async def jobs(shared: Product) -> dict[str, str]:
    """A job in each state that a page shows differently, and dead letters that were decided."""
    sleeping = await shared.submit("demo.sleep", {"seconds": 3000})
    cancelled, later = [await shared.submit("demo.noop", delay_seconds=80_000, priority=3) for _ in range(2)]
    await shared.api.post(f"/jobs/{cancelled}/cancel", json={"reason": "not needed"})
    replayed = await shared.submit("demo.flaky", {"failures": 900}, max_attempts=1)
    await shared.until_state(replayed, "FAILED")
    failed, discarded = [await shared.dead_letter() for _ in range(2)]
    for job_id, act, more in ((replayed, "replay", {"payload": {"failures": 0}}), (discarded, "discard", {})):
        version = (await shared.api.get(f"/dead-letters/{job_id}")).json()["version"]
        said = {"reason": "decided for the tests", "seen_version": version, **more}
        assert (await shared.api.post(f"/dead-letters/{job_id}/{act}", json=said)).status_code == 200
    await shared.until_state(replayed, "SUCCEEDED")
    await shared.until_state(sleeping, "RUNNING")
    found = {"RUNNING": sleeping, "CANCELLED": cancelled, "SCHEDULED": later, "FAILED": failed}
    return {**found, "SUCCEEDED": replayed, "REPLAYED": replayed, "DISCARDED": discarded}


async def faults(page: Page) -> dict[str, list[str]]:
    """What axe finds, and what is wider than the screen, in both themes and on a phone."""
    found = {}
    for size, theme in LOOKS:
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
        await expect(page.locator("html")).to_have_attribute("data-theme", theme)
        wrong = await axe.findings(page)
        if over := await page.evaluate(OVERFLOW):
            wrong.append(f"the page is {over} px wider than the screen")
        found[f"{theme} at {size['width']} px"] = wrong
    return {where: wrong for where, wrong in found.items() if wrong}


@pytest.mark.parametrize("name", SCREENS)
async def test_a_screen_is_accessible_and_fits(
    shared: Product, jobs: dict[str, str], visits: Visits, name: str
) -> None:
    visits.expect("console error: Failed to load resource.* 404")
    screen = SCREENS[name]
    page = await visits.open(shared.address + screen.path.format(**jobs), reduced_motion="reduce")
    main = page.get_by_role("main")
    shown = main.get_by_text(screen.shows).or_(main.get_by_role("region", name=screen.shows))
    await expect(shown.first).to_be_visible()
    for step in screen.steps:
        await step(page)
    assert await faults(page) == {}


async def test_an_empty_installation_is_accessible_and_fits(install: Install, visits: Visits) -> None:
    product = await install()
    await product.start("api", "dashboard")
    page = await visits.open(product.address)
    for path, name in EMPTY.items():
        await page.goto(product.address + path)
        await expect(page.get_by_role("main").get_by_text(name).first).to_be_visible()
        assert await faults(page) == {}, path


async def test_the_sign_in_is_accessible_and_fits(install: Install, visits: Visits) -> None:
    product = await install(api_key=KEY)
    await product.start("api", "dashboard")
    visits.expect("401")
    page = await visits.open(product.address)
    await page.get_by_label("Key", exact=True).fill("not-the-key-of-this-installation")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("This is not the key.")).to_be_visible()
    assert await faults(page) == {}


async def test_what_is_wrong_with_a_page_is_found(visits: Visits) -> None:
    page = await visits.open("about:blank")
    await page.set_content("<img src='data:,'><div style='color:#aaa;background:#fff'>pale</div>")
    found = {each.partition(" ")[0] for each in await axe.findings(page)}
    assert {"image-alt", "color-contrast", "html-has-lang", "document-title"} <= found
