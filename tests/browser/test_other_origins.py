"""A page from another place, though it runs on this machine, can neither read nor act."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Install
from tests.support.browser import REBOUND, Visits
from tests.support.foreign import ForeignSite, foreign_site
from tests.support.product import Product

KEY = "correct-horse-battery-staple"
ATTACK = Path(__file__).with_name("attack.js").read_text()
# What a browser tells any page: that nothing came, or that something came which it may not look at.
NOTHING = {"blocked", "opaque", "refused", "silent", "hidden"}
# A frame with the browser's own error page in it has "loaded", and an own frame is still empty before that.
TARGETS: tuple[Callable[[Product], str], ...] = (lambda product: product.origin, lambda product: product.api_url)
ALLOWED = {"frame": {"loaded"}, "in the frame": {"read "}}


@pytest.fixture
def elsewhere() -> Iterator[ForeignSite]:
    """A site of somebody else."""
    with foreign_site() as site:
        yield site


async def attack(page: Page, target: str, credentials: str = "include") -> dict[str, str]:
    found: list[tuple[str, str]] = await page.evaluate(ATTACK, {"target": target, "credentials": credentials})
    return dict(found)


def gains(found: dict[str, str]) -> dict[str, str]:
    return {kind: said for kind, said in found.items() if said not in NOTHING | ALLOWED.get(kind, set())}


async def untouched(product: Product) -> bool:
    jobs = await product.ask("select count(*) from easyflow.jobs")
    return jobs == 0 and not await product.ask("select bool_or(paused) from easyflow.queues")


async def test_what_the_attack_tries_works_from_the_own_page(install: Install, visits: Visits) -> None:
    product = await install()
    await product.start()
    page = await visits.open(product.address, trusted=False)
    found = await attack(page, product.origin)
    assert found["get"].startswith("read 200")
    assert found["page"].startswith("read 200")
    assert found["post json"].startswith("read 201")
    assert found["post text"].startswith("read 415")
    assert found["pause"].startswith("read 200")
    assert found["stream"] == "heard"
    assert found["window"].endswith("EasyFlow")
    assert await product.ask("select count(*) from easyflow.jobs") == 1
    assert await product.ask("select paused from easyflow.queues where name = 'default'")


async def test_the_attack_sends_what_it_says(visits: Visits, elsewhere: ForeignSite) -> None:
    page = await visits.open(f"http://127.0.0.1:{elsewhere.server_port}/", trusted=False)
    with foreign_site() as victim:
        await attack(page, f"http://localhost:{victim.server_port}")
    sent = {(each.method, each.path, each.kind) for each in victim.asked}
    forms = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
    assert {("POST", "/api/v1/jobs", kind) for kind in forms} <= sent
    assert {("GET", "/api/v1/queues", ""), ("GET", "/api/v1/jobs", ""), ("GET", "/api/v1/stream", "")} <= sent
    assert {"demo.noop" in each.body for each in victim.asked if each.kind == "text/plain"} == {True}


async def test_without_a_key_other_places_of_this_machine_gain_nothing(
    install: Install, visits: Visits, elsewhere: ForeignSite
) -> None:
    product = await install()
    await product.start("api", "dashboard")

    async def gained(host: str, target: str) -> dict[str, str]:
        page = await visits.open(f"http://{host}:{elsewhere.server_port}/", trusted=False)
        return gains(await attack(page, target))

    tries = [(host, target) for host in ("localhost", "127.0.0.1", REBOUND) for target in TARGETS]
    found = await asyncio.gather(*(gained(host, target(product)) for host, target in tries))
    assert found == [{}] * len(tries)
    assert await untouched(product)


async def test_with_a_key_the_session_of_the_dashboard_serves_no_other_place(
    install: Install, visits: Visits, elsewhere: ForeignSite
) -> None:
    product = await install(api_key=KEY)
    await product.start("api", "dashboard")
    # Cookies know no ports: to the browser this is the same site, so it sends the session along.
    page = await visits.open(f"{product.address}/queues", trusted=False)
    await page.get_by_label("Key", exact=True).fill(KEY)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Queues", exact=True)).to_be_visible()
    await page.goto(f"http://localhost:{elsewhere.server_port}/")
    for target in TARGETS:
        assert gains(await attack(page, target(product))) == {}
    assert await untouched(product)
    await page.goto(product.address)
    await expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()


async def test_a_rebound_name_is_not_answered_without_a_key(install: Install, visits: Visits) -> None:
    product = await install()
    await product.start("api", "dashboard")
    for port in (product.port, product.api_port):
        origin = f"http://{REBOUND}:{port}"
        page = await visits.open(trusted=False)
        reply = await page.goto(f"{origin}/")
        assert reply is not None
        assert (reply.status, await page.title()) == (403, "")
        found = await attack(page, origin)
        refused = {kind: said for kind, said in found.items() if said.startswith("read 403")}
        assert {"get", "post json", "post text", "pause", "page"} <= set(refused)
        assert found["get no-cors"].startswith("read 403")
        assert found["stream"] in NOTHING
    assert await untouched(product)


async def test_a_rebound_name_shows_only_the_sign_in_when_there_is_a_key(install: Install, visits: Visits) -> None:
    product = await install(api_key=KEY)
    await product.start("api", "dashboard")
    visits.expect("401", "Cross-Origin-Opener-Policy header has been ignored")
    mine = await visits.open(product.address)
    await mine.get_by_label("Key", exact=True).fill(KEY)
    await mine.get_by_role("button", name="Sign in").click()
    await expect(mine.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
    rebound = await mine.context.new_page()
    await rebound.goto(f"http://{REBOUND}:{product.port}/jobs")
    await expect(rebound.get_by_role("heading", name="Sign in to EasyFlow")).to_be_visible()
    assert await rebound.evaluate("fetch('/api/v1/jobs').then((reply) => reply.status)") == 401
