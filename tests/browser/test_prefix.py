"""The dashboard lives under a path of a larger site: links, deep addresses and reloads stay below it."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import Install
from tests.support.browser import Visits


async def test_below_a_prefix_links_deep_addresses_and_reloads_work(install: Install, visits: Visits) -> None:
    product = await install(prefix="/ops")
    await product.start()
    job_id = await product.submit("demo.echo", {"message": "below a prefix"})
    await product.until_state(job_id, "SUCCEEDED")
    asked: list[str] = []
    page = await visits.open()
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{product.origin}/ops/jobs/{job_id}")
    await expect(page.locator("pre[aria-label='Result']")).to_contain_text("below a prefix")
    await page.get_by_role("link", name="Queues").click()
    await expect(page).to_have_url(f"{product.origin}/ops/queues")
    await page.reload()
    await expect(page.get_by_role("heading", name="Queues", exact=True)).to_be_visible()
    await expect(page.get_by_role("status", name="Live.")).to_be_visible()
    await page.go_back()
    await expect(page.locator("pre[aria-label='Result']")).to_contain_text("below a prefix")
    await page.get_by_role("link", name="EasyFlow, to the Overview").click()
    await expect(page.get_by_role("link", name="Succeeded 1", exact=True)).to_be_visible()
    assert [url for url in asked if not url.startswith(f"{product.origin}/ops")] == []
