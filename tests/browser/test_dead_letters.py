"""A dead letter is decided once: repaired and replayed, replayed as it is, or discarded, with a reason that is kept."""

from __future__ import annotations

import json

from playwright.async_api import Page, expect

from tests.support.browser import Visits
from tests.support.product import Product

DECISIONS = "select count(*) from easyflow.audit where object_id = $1"
CONFLICT = "console error: Failed to load resource.* 409"


async def broken(product: Product) -> str:
    """A job that will not fail again once its payload says so; its id."""
    job_id = await product.submit("demo.flaky", {"failures": 900}, max_attempts=1)
    await product.until_state(job_id, "FAILED")
    return job_id


async def opened(product: Product, visits: Visits, job_id: str) -> Page:
    page = await visits.open(f"{product.address}/dead-letters/{job_id}")
    await expect(page.get_by_role("button", name="Edit & replay")).to_be_visible()
    return page


async def edit(page: Page, payload: str) -> None:
    await page.get_by_role("button", name="Edit & replay").click()
    await page.get_by_role("textbox", name="Payload as JSON").fill(payload)


async def test_an_edit_the_task_refuses_is_marked_where_it_is_wrong(shared: Product, visits: Visits) -> None:
    visits.expect("console error: Failed to load resource.* 422")
    job_id = await broken(shared)
    page = await opened(shared, visits, job_id)
    await edit(page, '{\n  "failures": "many"\n}')
    await page.get_by_role("button", name="Replay 1 job with edited payload").click()
    await expect(page.get_by_role("alert")).to_contain_text("payload.failures")
    await expect(page.locator(".cm-lintRange-error")).to_contain_text('"failures": "many"')
    await expect(page.locator(".cm-lintRange-error")).not_to_contain_text("{")
    assert await shared.ask(DECISIONS, job_id) == 0
    assert (await shared.job(job_id))["state"] == "FAILED"
    await page.get_by_role("textbox", name="Payload as JSON").fill('{"failures": 0}')
    await expect(page.get_by_role("alert")).to_have_count(0)
    await page.get_by_role("button", name="Replay 1 job with edited payload").click()
    await expect(page.get_by_test_id("replay-state")).to_contain_text("Succeeded")


async def test_a_repaired_payload_shows_what_changed_and_the_first_one_is_kept(shared: Product, visits: Visits) -> None:
    job_id = await broken(shared)
    page = await opened(shared, visits, job_id)
    await edit(page, "{")
    await expect(page.get_by_role("button", name="Replay 1 job")).to_have_attribute("aria-disabled", "true")
    await page.get_by_role("textbox", name="Payload as JSON").fill('{"failures": 0}')
    changes = page.get_by_role("region", name="Changes to the payload")
    await expect(changes).to_contain_text('removed: "failures": 900')
    await expect(changes).to_contain_text('added: "failures": 0')
    await page.get_by_label("Reason").fill("the gateway is back")
    await page.get_by_role("button", name="Replay 1 job with edited payload").click()
    await expect(page.get_by_test_id("replay-state")).to_contain_text("Succeeded")
    await expect(page.get_by_role("region", name="After the replay")).to_contain_text("the gateway is back")
    assert json.loads(await shared.ask("select payload from easyflow.jobs where id = $1", job_id)) == {"failures": 900}
    kept = "select format('%s %s %s', revision, payload, reason) from easyflow.payload_revisions where job_id = $1"
    assert await shared.ask(kept, job_id) == '1 {"failures": 0} the gateway is back'


async def test_of_two_people_one_replays_and_the_other_is_told(shared: Product, visits: Visits) -> None:
    visits.expect(CONFLICT)
    job_id = await shared.dead_letter(message="twice")
    people = [await opened(shared, visits, job_id) for _ in range(2)]
    for number, page in enumerate(people, 1):
        await page.get_by_role("button", name="Replay as is").click()
        await page.get_by_role("dialog").get_by_label("Reason").fill(f"person {number}")
    first, second = [page.get_by_role("dialog").get_by_role("button", name="Replay 1 job") for page in people]
    await first.click()
    await expect(people[0].get_by_test_id("replay-state")).to_be_visible()
    await second.click()
    told = people[1].get_by_role("dialog").get_by_role("alert")
    await expect(told).to_contain_text("Someone was faster")
    assert await shared.ask(DECISIONS, job_id) == 1
    reasons = "select string_agg(reason, ',') from easyflow.audit where object_id = $1"
    assert await shared.ask(reasons, job_id) == "person 1"


async def test_a_double_click_replays_once(shared: Product, visits: Visits) -> None:
    job_id = await shared.dead_letter(message="once")
    page = await opened(shared, visits, job_id)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    await page.get_by_role("button", name="Replay as is").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Reason").fill("once is enough")
    await dialog.get_by_role("button", name="Replay 1 job").dblclick()
    await expect(page.get_by_test_id("replay-state")).to_contain_text("Failed")
    acts = [each for each in sent if each.startswith("POST")]
    assert acts == [f"POST {shared.origin}/api/v1/dead-letters/{job_id}/replay"]
    assert await shared.ask(DECISIONS, job_id) == 1


async def test_a_discarded_dead_letter_leaves_the_open_ones_and_keeps_its_reason(
    shared: Product, visits: Visits
) -> None:
    job_id = await shared.dead_letter(message="nobody needs this")
    page = await opened(shared, visits, job_id)
    await page.get_by_role("button", name="Discard", exact=True).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("button", name="Discard 1 dead letter")).to_have_attribute("aria-disabled", "true")
    await dialog.get_by_label("Reason").fill("the order was withdrawn")
    await dialog.get_by_role("button", name="Discard 1 dead letter").click()
    await expect(page.get_by_role("main")).to_contain_text("the order was withdrawn")
    await page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Dead letters").click()
    row = page.locator(f"tr[data-row-id='{job_id}']")
    await expect(page.get_by_role("table", name="Dead letters")).to_be_visible()
    await expect(row).to_have_count(0)
    await page.get_by_role("navigation", name="State").get_by_role("link", name="Discarded").click()
    await expect(row).to_contain_text("the order was withdrawn")
    assert (await shared.job(job_id))["state"] == "FAILED"


async def test_no_row_moves_while_rows_are_selected(shared: Product, visits: Visits) -> None:
    chosen = await shared.submit("demo.fail", {"message": "first"}, max_attempts=1, tags=["steady"])
    await shared.until_state(chosen, "FAILED")
    page = await visits.open(f"{shared.address}/dead-letters?tag=steady")
    rows = page.locator("tr[data-row-id]")
    await rows.first.get_by_role("checkbox").check()
    place = await rows.first.bounding_box()
    later = await shared.submit("demo.fail", {"message": "second"}, max_attempts=1, tags=["steady"])
    await shared.until_state(later, "FAILED")
    # Another page hears of it, so this one would have.
    other = await visits.open(f"{shared.address}/dead-letters?tag=steady")
    await expect(other.locator("tr[data-row-id]")).to_have_count(2)
    await expect(rows).to_have_count(1)
    assert await rows.first.bounding_box() == place
    await page.get_by_role("button", name="Discard 1 dead letter").click()
    await page.get_by_role("dialog").get_by_label("Reason").fill("only this one")
    await page.get_by_role("dialog").get_by_role("button", name="Discard 1 dead letter").click()
    await page.get_by_role("button", name="Back to the list").click()
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_have_attribute("data-row-id", later)
