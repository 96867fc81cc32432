"""With a key, the page asks for it once, keeps it in a cookie that no script reads, and shows nothing without it."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.conftest import Install
from tests.support.browser import Visits
from tests.support.product import Product

KEY = "correct-horse-battery-staple"
REFUSED = "console error: Failed to load resource.* 401"


async def enter(page: Page, key: str) -> None:
    await page.get_by_label("Key", exact=True).fill(key)
    await page.get_by_role("button", name="Sign in").click()


async def locked(install: Install) -> Product:
    product = await install(api_key=KEY)
    await product.start("api", "dashboard")
    return product


async def test_the_key_is_asked_for_once_and_the_page_goes_on_where_the_person_was(
    install: Install, visits: Visits
) -> None:
    product = await locked(install)
    visits.expect(REFUSED)
    page = await visits.open(f"{product.address}/jobs?state=FAILED")
    await expect(page.get_by_role("heading", name="Sign in to EasyFlow")).to_be_visible()
    await expect(page.get_by_role("navigation")).to_have_count(0)
    await enter(page, "not-the-key-of-this-installation")
    await expect(page.get_by_text("This is not the key.")).to_be_visible()
    await enter(page, KEY)
    await expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    assert page.url == f"{product.address}/jobs?state=FAILED"
    [cookie] = await page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert (
        await page.evaluate("document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)") == "{}{}"
    )
    another = await page.context.new_page()
    await another.goto(f"{product.address}/queues")
    await expect(another.get_by_role("heading", name="Queues", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in to EasyFlow")).to_be_visible()
    assert await page.context.cookies() == []
    await another.reload()
    await expect(another.get_by_role("heading", name="Sign in to EasyFlow")).to_be_visible()


async def test_a_session_that_ends_meanwhile_leads_back_to_the_sign_in(install: Install, visits: Visits) -> None:
    product = await locked(install)
    visits.expect(REFUSED)
    page = await visits.open(f"{product.address}/queues")
    await enter(page, KEY)
    await expect(page.get_by_role("heading", name="Queues", exact=True)).to_be_visible()
    await page.context.clear_cookies()
    await page.get_by_role("link", name="Workers").click()
    await expect(page.get_by_role("heading", name="Sign in to EasyFlow")).to_be_visible()
    await enter(page, KEY)
    await expect(page.get_by_role("heading", name="Workers", exact=True)).to_be_visible()


async def test_without_the_key_nothing_is_readable(install: Install, visits: Visits) -> None:
    product = await locked(install)
    visits.expect(REFUSED)
    page = await visits.open(product.address)
    asked = """(paths) => Promise.all(paths.map(async (path) => (await fetch(path)).status))"""
    paths = ["jobs", "dead-letters", "queues", "workers", "tasks", "stats/overview", "stream", "lookup?q=demo"]
    assert await page.evaluate(asked, [f"/api/v1/{path}" for path in paths]) == [401] * len(paths)
    acted = """async () => (await fetch("/api/v1/jobs", {method: "POST", body: '{"task": "demo.noop"}',
        headers: {"Content-Type": "application/json"}})).status"""
    assert await page.evaluate(acted) == 401
    assert await product.ask("select count(*) from easyflow.jobs") == 0
