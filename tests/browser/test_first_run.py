"""An empty installation offers its first job, by a click and by a command that works as it stands."""

from __future__ import annotations

import asyncio
import json
import subprocess

from playwright.async_api import expect

from tests.browser.conftest import Install
from tests.support.browser import Visits


async def test_the_empty_overview_runs_a_first_job_and_follows_it_to_its_end(install: Install, visits: Visits) -> None:
    product = await install()
    await product.start()
    page = await visits.open(product.address)
    first = page.get_by_role("region", name="Your first job")
    await expect(first).to_contain_text("Nothing was submitted here yet")
    await first.get_by_role("button", name="Run demo.echo").click()
    await expect(first.get_by_role("status")).to_contain_text("Succeeded")
    await expect(first.get_by_role("status")).to_contain_text('{"message":"hello, EasyFlow"}')
    await expect(page.get_by_role("link", name="Succeeded 1", exact=True)).to_be_visible()
    assert await product.ask("select result->>'message' from easyflow.results") == "hello, EasyFlow"
    assert await product.ask("select count(*) from easyflow.jobs") == 1
    await page.reload()
    await expect(page.get_by_role("link", name="Succeeded 1", exact=True)).to_be_visible()
    await expect(first).to_have_count(0)


async def test_the_shown_command_works_as_it_stands_and_its_job_appears_by_itself(
    install: Install, visits: Visits
) -> None:
    product = await install()
    await product.start()
    page = await visits.open(product.address)
    await page.get_by_role("tab", name="curl").click()
    command = await page.get_by_role("region", name="curl command").inner_text()
    done = await asyncio.to_thread(
        subprocess.run, ["sh", "-ec", command], check=True, capture_output=True, text=True, timeout=20
    )
    await expect(page.get_by_role("link", name="Succeeded 1", exact=True)).to_be_visible()
    await page.goto(f"{product.address}/jobs/{json.loads(done.stdout)['id']}")
    await expect(page.locator("pre[aria-label='Result']")).to_contain_text("hello, EasyFlow")
