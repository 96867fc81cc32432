"""`./start-dev.sh --demo` as a newcomer meets it: the figures of the night, and one dead letter decided on the page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from easyflow.local.ports import free_port
from tests.support import axe
from tests.support.browser import Visits, pictures_wanted, take_picture
from tests.support.frontend import ready_frontend
from tests.support.night import Night
from tests.support.project import ROOT
from tests.support.waiting import until

# A vite that starts reads all sources once; on a new clone the packages come first.
pytestmark = pytest.mark.timeout(360)

POSTED, NOT_POSTED = Decimal("77954.70"), Decimal("26846.84")
ENDED = "select count(*) from easyflow.attempts"


class Newcomer(Night):
    """The stack of this checkout on ports of its own, and the address of its pages."""

    def __init__(self, log: Path, **settings: str) -> None:
        self.port, self.api_port = free_port(), free_port()
        ports = ["--api-port", str(self.api_port), "--dashboard-port", str(self.port)]
        super().__init__(ROOT, ["./start-dev.sh", "--demo", *ports], log, **settings)

    @property
    def address(self) -> str:
        """Where its pages are."""
        return f"http://localhost:{self.port}"


@pytest.fixture
def newcomer(tmp_path: Path, database_url: str) -> Iterator[Newcomer]:
    """The stack of this checkout, started as the README says; only one can run here.

    On a new clone it makes its own database. What a developer has here already is left alone: then it uses another.
    """
    ready_frontend("all")
    is_new = not (ROOT / ".easyflow").exists()
    stack = Newcomer(tmp_path / "stack.log", **({} if is_new else {"EASYFLOW_DATABASE_URL": database_url}))
    try:
        stack.until_running()
        yield stack
        stack.end()
    finally:
        if stack.process.poll() is None:
            stack.process.kill()
            stack.process.wait(20)
        if is_new:
            shutil.rmtree(ROOT / ".easyflow", ignore_errors=True)


async def expect_figures(page: Page, posted: tuple[int, Decimal], not_posted: tuple[int, Decimal]) -> None:
    for name, (jobs, amount) in {"posted": posted, "not-posted": not_posted}.items():
        await expect(page.get_by_test_id(f"demo-{name}-jobs")).to_have_text(str(jobs), timeout=90_000)
        await expect(page.get_by_test_id(f"demo-{name}-amount")).to_have_text(f"{amount:,}")


async def until_ended(stack: Newcomer, attempts: int) -> None:
    async def ended() -> bool:
        return await stack.ask(ENDED) >= attempts

    await until(60, ended, stack.written)


async def test_a_newcomer_reads_the_night_and_replays_a_dead_letter(newcomer: Newcomer, visits: Visits) -> None:
    page = await visits.open(newcomer.address, color_scheme="light", reduced_motion="reduce")
    await until_ended(newcomer, 20)
    # A picture for newcomers shows a quiet night.
    assert pictures_wanted() or newcomer.kill("worker")
    assert (await page.request.get(f"http://localhost:{newcomer.api_port}/readyz")).ok
    await expect_figures(page, (262, POSTED), (38, NOT_POSTED))
    assert await axe.findings(page) == []
    await take_picture(page, "overview")
    await page.get_by_role("link", name="Decide about 38 transactions that failed").click()
    await expect(page.locator("tr[data-row-id]")).to_have_count(38)
    await page.locator("tr[data-row-id]").first.get_by_role("link").first.click()
    await expect(page.get_by_test_id("error-message")).to_be_visible()
    payload = json.loads(await page.locator("pre[aria-label='Payload']").inner_text())
    await approve_and_replay(page)
    amount = Decimal(payload["amount"])
    await page.get_by_role("link", name="EasyFlow, to the Overview").click()
    await page.get_by_role("button", name="Recount").click()
    await expect_figures(page, (263, POSTED + amount), (37, NOT_POSTED - amount))
    assert await newcomer.ask("select count(*) from easyflow_demo.postings") == 263


async def approve_and_replay(page: Page) -> None:
    await page.get_by_role("switch", name="overdraft_approved").click()
    changes = page.get_by_role("region", name="Changes to the payload")
    await expect(changes).to_contain_text('added: "overdraft_approved": true')
    await expect(page.get_by_role("textbox", name="Payload as JSON")).to_contain_text('"overdraft_approved": true')
    await take_picture(page, "dead-letter")
    await page.get_by_label("Reason").fill("approved by the branch")
    await page.get_by_role("button", name="Replay 1 job with edited payload").click()
    await expect(page.get_by_test_id("replay-state")).to_contain_text("Succeeded")
    await expect(page.get_by_role("region", name="After the replay")).to_contain_text("approved by the branch")
