"""Jobs are found by filters that live in the address, told from their attempts, and stopped from the page."""

from __future__ import annotations

from playwright.async_api import expect

from tests.support.browser import Visits
from tests.support.product import Product

# No float and no JavaScript number holds these.
ODD = 2**60 + 1
LONG = 12345678901234567890123456789012345679


async def test_filters_live_in_the_address_and_a_reload_shows_the_same_screen(shared: Product, visits: Visits) -> None:
    failed = await shared.dead_letter()
    other = await shared.submit("demo.noop")
    await shared.until_state(other, "SUCCEEDED")
    page = await visits.open(f"{shared.address}/jobs")
    shown = page.locator(f"tr[data-row-id='{failed}']")
    hidden = page.locator(f"tr[data-row-id='{other}']")
    await expect(hidden).to_be_visible()
    await page.get_by_label("State", exact=True).select_option("FAILED")
    await expect(page).to_have_url(f"{shared.address}/jobs?state=FAILED")
    await expect(hidden).to_have_count(0)
    await page.get_by_label("Task", exact=True).select_option("demo.fail")
    await expect(page).to_have_url(f"{shared.address}/jobs?state=FAILED&task=demo.fail")
    await page.reload()
    await expect(page.get_by_label("State", exact=True)).to_have_value("FAILED")
    await expect(page.get_by_label("Task", exact=True)).to_have_value("demo.fail")
    await expect(shown).to_be_visible()
    await expect(hidden).to_have_count(0)
    await shown.get_by_role("link", name="demo.fail").click()
    await expect(page).to_have_url(f"{shared.address}/jobs/{failed}")
    await page.go_back()
    await expect(shown).to_be_visible()
    await page.go_back()
    await expect(page).to_have_url(f"{shared.address}/jobs?state=FAILED")
    await page.go_back()
    await expect(hidden).to_be_visible()


async def test_a_job_tells_every_attempt_with_its_traceback(shared: Product, visits: Visits) -> None:
    job_id = await shared.submit("demo.flaky", {"failures": 1})
    await shared.until_state(job_id, "SCHEDULED", "SUCCEEDED")
    await shared.api.post(f"/jobs/{job_id}/run-now", json={})
    await shared.until_state(job_id, "SUCCEEDED")
    page = await visits.open(f"{shared.address}/jobs/{job_id}")
    first, second = page.get_by_test_id("attempt-1"), page.get_by_test_id("attempt-2")
    await expect(second).to_contain_text("Succeeded")
    await expect(first).to_contain_text("attempt 1 fails, as 1 shall")
    trace = first.get_by_role("region", name="traceback")
    await expect(trace).to_be_hidden()
    await first.get_by_text("Traceback", exact=True).click()
    await expect(trace).to_contain_text("raise DemoError")
    await page.reload()
    await expect(trace).to_be_visible()
    await expect(second.get_by_role("region", name="traceback")).to_have_count(0)


async def test_a_failed_job_says_why_and_leads_to_its_dead_letter(shared: Product, visits: Visits) -> None:
    job_id = await shared.dead_letter(message="the ledger of 2026 is closed")
    page = await visits.open(f"{shared.address}/jobs/{job_id}")
    told = page.get_by_role("region", name="What happened")
    await expect(told).to_contain_text("the ledger of 2026 is closed")
    await expect(told.get_by_role("region", name="traceback")).to_contain_text("raise DemoError(payload.message)")
    await told.get_by_role("link", name="Decide in its dead letter").click()
    await expect(page).to_have_url(f"{shared.address}/dead-letters/{job_id}")


async def test_a_running_job_is_cancelled_with_a_reason(shared: Product, visits: Visits) -> None:
    job_id = await shared.submit("demo.sleep", {"seconds": 600})
    await shared.until_state(job_id, "RUNNING")
    page = await visits.open(f"{shared.address}/jobs/{job_id}")
    await page.get_by_role("button", name="Cancel", exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Reason").fill("the night is over")
    await dialog.get_by_role("button", name="Cancel 1 job").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Cancelled")
    await expect(page.get_by_role("region", name="What happened")).to_contain_text("the night is over")
    assert (await shared.job(job_id))["state"] == "CANCELLED"


async def test_every_digit_of_a_number_is_shown(shared: Product, visits: Visits) -> None:
    # Far enough in the future that it never runs.
    payload = {"url": "https://example.org/", "json": {"odd": ODD, "long": LONG, "cents": 0.10}}
    job_id = await shared.submit("http.request", payload, delay_seconds=86_400)
    page = await visits.open(f"{shared.address}/jobs/{job_id}")
    shown = page.locator("pre[aria-label='Payload']")
    await expect(shown).to_contain_text(f'"odd": {ODD}')
    await expect(shown).to_contain_text(f'"long": {LONG}')
