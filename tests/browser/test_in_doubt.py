"""A job in doubt is settled from its page by one person, who sees the key to look up; the other is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Install
from tests.support import axe
from tests.support.browser import Visits
from tests.support.http_server import Asked, http_reply, http_server
from tests.support.product import Product

CONFLICT = "console error: Failed to load resource.* 409"
REPLY = '{"status": 200, "headers": {}, "body": "paid by phone", "truncated": false}'
PHONE = {"viewport": {"width": 390, "height": 844}}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Bank:
    """A receiver that hangs up on the first request for each path, and answers the next; what it was asked."""

    product: Product
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> bytes:
        first = all(each.path != asked.path for each in self.asked)
        self.asked.append(asked)
        return b"" if first else http_reply(200, b"paid")

    def keys(self, path: str) -> list[str]:
        """The idempotency keys it was sent on a path."""
        return [each.headers["idempotency-key"] for each in self.asked if each.path == path]

    async def doubtful(self, path: str) -> str:
        """A job of which the bank has heard, and nobody here whether it paid; its id."""
        job_id = await self.product.submit("http.request", {"method": "POST", "url": self.url + path})
        await self.product.until_state(job_id, "IN_DOUBT")
        return job_id


@pytest.fixture
async def bank(install: Install) -> AsyncIterator[Bank]:
    """An installation whose worker may reach the bank."""
    product = await install(outbound_private_addresses="true")
    await product.start()
    found = Bank(product)
    async with http_server(found.answer) as server:
        found.url = server.url("")
        yield found


async def opened(bank: Bank, visits: Visits, job_id: str) -> Page:
    """The job's page with the dialog open."""
    page = await visits.open(f"{bank.product.address}/jobs/{job_id}")
    await page.get_by_role("button", name="Settle", exact=True).click()
    return page


async def test_what_did_not_happen_is_done_again_with_the_key_that_was_shown(bank: Bank, visits: Visits) -> None:
    job_id = await bank.doubtful("/pay")
    page = await visits.open(f"{bank.product.address}/jobs?state=IN_DOUBT")
    await page.locator(f"tr[data-row-id='{job_id}']").get_by_role("link").click()
    told = page.get_by_role("region", name="What happened")
    await expect(told).to_contain_text("POST 127.0.0.1 may or may not have happened")
    (key,) = bank.keys("/pay")
    await expect(told).to_contain_text(key)
    await expect(page.get_by_role("table", name="Effects")).to_contain_text("unsafe")
    await told.get_by_role("button", name="Settle", exact=True).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("list", name="To look up")).to_contain_text(key)
    settle = dialog.get_by_role("button", name="Settle 1 job")
    await expect(settle).to_have_attribute("aria-disabled", "true")
    await dialog.get_by_role("radio", name="It did not happen").check()
    await expect(settle).to_have_attribute("aria-disabled", "true")
    await dialog.get_by_label("Reason").fill("the bank has no such key")
    await settle.click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Succeeded")
    await expect(page.get_by_role("list", name="Events")).to_contain_text("the bank has no such key")
    assert bank.keys("/pay") == [key, key]
    effects = (await bank.product.job(job_id))["effects"]
    assert [(each["state"], each["tries"]) for each in effects] == [("happened", 2)]


async def test_what_happened_is_completed_with_its_result_and_not_done_again(bank: Bank, visits: Visits) -> None:
    job_id = await bank.doubtful("/pay")
    page = await opened(bank, visits, job_id)
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("radio", name="It happened").check()
    await dialog.get_by_label("Result as JSON").fill(REPLY[:-1])
    await expect(dialog.get_by_role("paragraph").filter(has_text="This is not JSON yet")).to_be_visible()
    await dialog.get_by_label("Result as JSON").fill(REPLY)
    await dialog.get_by_label("Complete the job").check()
    await dialog.get_by_label("Reason").fill("statement 7 has it")
    await dialog.get_by_role("button", name="Settle 1 job").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Succeeded")
    await expect(page.get_by_role("region", name="Result", exact=True).first).to_contain_text("paid by phone")
    await expect(page.get_by_role("table", name="Effects")).to_contain_text("Settled by dashboard: statement 7 has it")
    assert len(bank.keys("/pay")) == 1
    assert [each["outcome"] for each in (await bank.product.job(job_id))["attempts"]] == ["in_doubt"]


async def test_of_two_people_one_settles_and_the_other_is_told(bank: Bank, visits: Visits) -> None:
    visits.expect(CONFLICT)
    job_id = await bank.doubtful("/pay")
    people = [await opened(bank, visits, job_id) for _ in range(2)]
    for number, page in enumerate(people, 1):
        await page.get_by_role("radio", name="Fail the job").check()
        await page.get_by_role("dialog").get_by_label("Reason").fill(f"person {number}")
    first, second = [page.get_by_role("button", name="Settle 1 job") for page in people]
    await first.click()
    await expect(people[0].get_by_role("heading", level=1)).to_contain_text("Failed")
    await second.click()
    told = people[1].get_by_role("dialog").get_by_role("alert")
    await expect(told).to_contain_text("Someone was faster")
    await expect(told).to_contain_text("person 1")
    await told.get_by_role("button", name="Reload what it is now").click()
    await expect(people[1].get_by_role("dialog")).to_have_count(0)
    await expect(people[1].get_by_role("heading", level=1)).to_contain_text("Failed")
    reasons = "select string_agg(reason, ',') from easyflow.audit where act = 'settle' and object_id = $1"
    assert await bank.product.ask(reasons, job_id) == "person 1"


async def test_the_page_and_its_dialog_can_be_used_by_everyone(bank: Bank, visits: Visits) -> None:
    job_id = await bank.doubtful("/pay")
    for options in ({}, {"color_scheme": "dark"}, {**PHONE, "color_scheme": "dark"}):
        page = await visits.open(f"{bank.product.address}/jobs/{job_id}", **options)
        await expect(page.get_by_role("table", name="Effects")).to_be_visible()
        assert await axe.findings(page) == []
        assert await page.evaluate(OVERFLOW) == 0
        await page.get_by_role("button", name="Settle", exact=True).click()
        await page.get_by_role("radio", name="It happened").check()
        await page.get_by_label("Result as JSON").fill("{")
        assert await axe.findings(page) == []
        assert await page.evaluate(OVERFLOW) == 0
