"""Pages follow what happens: new jobs without a reload, and honestly while nobody tells them anything."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import Install
from tests.support.browser import Visits
from tests.support.product import Product


async def test_new_jobs_wait_behind_a_pill_and_no_row_moves(shared: Product, visits: Visits) -> None:
    first = await shared.submit("demo.noop", tags=["pill"])
    page = await visits.open(f"{shared.address}/jobs?tag=pill")
    rows = page.locator("tr[data-row-id]")
    await expect(rows).to_have_count(1)
    await expect(page.get_by_role("status", name="Live.")).to_be_visible()
    later = [await shared.submit("demo.noop", tags=["pill"]) for _ in range(2)]
    pill = page.get_by_role("button", name="2 new")
    await expect(pill).to_be_visible()
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_have_attribute("data-row-id", first)
    await pill.click()
    await expect(rows).to_have_count(3)
    assert {await rows.nth(place).get_attribute("data-row-id") for place in range(2)} == set(later)


async def test_a_shown_job_changes_in_place(shared: Product, visits: Visits) -> None:
    job_id = await shared.submit("demo.sleep", {"seconds": 600})
    await shared.until_state(job_id, "RUNNING")
    page = await visits.open(f"{shared.address}/jobs/{job_id}")
    state = page.get_by_role("main").locator("header").first
    await expect(state).to_contain_text("Running")
    assert (await shared.api.post(f"/jobs/{job_id}/cancel", json={})).status_code < 300
    await expect(state).to_contain_text("Cancelled")


async def test_a_page_says_that_nobody_answers_and_catches_up_by_itself(install: Install, visits: Visits) -> None:
    product = await install()
    await product.start("api", "dashboard")
    page = await visits.open(product.address)
    await expect(page.get_by_role("status", name="Live.")).to_be_visible()
    visits.expect(r"console error: Failed to load resource.* 50[0-9]", "net::ERR_INCOMPLETE_CHUNKED_ENCODING")
    await product.kill("api")
    await expect(page.get_by_role("status", name="Offline.")).to_be_visible()
    await product.start("api", "worker")
    await product.submit("demo.noop")
    await expect(page.get_by_role("status", name="Live.")).to_be_visible(timeout=30_000)
    await expect(page.get_by_role("link", name="Succeeded 1", exact=True)).to_be_visible()
