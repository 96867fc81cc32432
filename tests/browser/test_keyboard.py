"""Everything a person must do can be done without a mouse."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.conftest import Install
from tests.support.browser import Visits

FOCUSED = """() => { const at = document.activeElement;
    return [at.getAttribute("aria-label"), at.labels?.[0]?.textContent, at.textContent].find(Boolean)?.trim() ?? "" }"""
# An editor's frame shows the focus of what is in it.
VISIBLE = """() => { for (let at = document.activeElement; at !== document.body; at = at.parentElement) {
    const look = getComputedStyle(at);
    if (look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2) return true; }
    return false }"""


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until something of this name has the focus, and can be seen to have it."""
    passed: list[str] = []
    for _ in range(60):
        await page.keyboard.press("Tab")
        passed.append(await page.evaluate(FOCUSED))
        if passed[-1].startswith(name):
            assert await page.evaluate(VISIBLE), f"{name} does not show that it has the focus"
            return
    raise AssertionError(f"{name} is not reached: {passed}")


async def test_from_the_start_to_a_replay_without_a_mouse(install: Install, visits: Visits) -> None:
    product = await install()
    await product.start()
    job_id = await product.submit("demo.flaky", {"failures": 900}, max_attempts=1)
    await product.until_state(job_id, "FAILED")
    page = await visits.open(product.address)
    await expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
    await page.keyboard.press("Tab")
    assert await page.evaluate(FOCUSED) == "Skip to the content"
    await tab_to(page, "Dead letters")
    await page.keyboard.press("Enter")
    listed = page.get_by_role("table", name="Dead letters")
    await expect(listed.locator(f"tr[data-row-id='{job_id}']")).to_be_visible()
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{product.address}/dead-letters/{job_id}")
    await expect(page.get_by_role("button", name="Edit & replay")).to_be_visible()
    await tab_to(page, "Edit & replay")
    await page.keyboard.press("Enter")
    await tab_to(page, "Payload as JSON")
    await page.keyboard.press("Control+a")
    await page.keyboard.insert_text('{"failures": 0}')
    await page.keyboard.press("Escape")
    await tab_to(page, "Reason")
    await page.keyboard.press("Control+a")
    await page.keyboard.type("repaired by hand")
    await tab_to(page, "Replay 1 job with edited payload")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("replay-state")).to_contain_text("Succeeded")
    assert await product.ask("select reason from easyflow.payload_revisions") == "repaired by hand"
