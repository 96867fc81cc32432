"""A queue is paused and resumed from the page, with a reason that is kept."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.support.browser import Visits
from tests.support.product import Product


async def change(page: Page, button: str, action: str, reason: str) -> None:
    await page.get_by_role("button", name=button, exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Reason").fill(reason)
    await dialog.get_by_role("button", name=action).click()
    await expect(dialog).to_have_count(0)


async def test_a_paused_queue_keeps_its_jobs_until_it_is_resumed(shared: Product, visits: Visits) -> None:
    page = await visits.open(f"{shared.address}/queues")
    await change(page, "Pause mainframe", "Pause 1 queue", "the ledger is being closed")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="mainframe", exact=True))
    await expect(row).to_contain_text("Paused")
    job_id = await shared.submit("mainframe.totals")
    other = await shared.submit("demo.noop")
    await shared.until_state(other, "SUCCEEDED")
    await expect(row.get_by_role("cell").nth(1)).to_have_text("1")
    assert (await shared.job(job_id))["state"] == "READY"
    await change(page, "Resume mainframe", "Resume 1 queue", "")
    await shared.until_state(job_id, "SUCCEEDED")
    await expect(row).not_to_contain_text("Paused")
    kept = "select reason from easyflow.audit where object_id = 'mainframe' and reason is not null"
    assert await shared.ask(kept) == "the ledger is being closed"


async def test_pausing_asks_for_a_reason_first(shared: Product, visits: Visits) -> None:
    page = await visits.open(f"{shared.address}/queues")
    await page.get_by_role("button", name="Pause default", exact=True).click()
    button = page.get_by_role("dialog").get_by_role("button", name="Pause 1 queue")
    await expect(button).to_have_attribute("aria-disabled", "true")
    await button.click(force=True)
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert await shared.ask("select paused from easyflow.queues where name = 'default'") is not True
