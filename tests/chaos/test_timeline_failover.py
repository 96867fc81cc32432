"""An asynchronous standby that lags takes over: what it never heard is listed, nothing unsafe is repeated blindly."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest

from easyflow.engine.timeline import ConnectionGuard
from easyflow.local.postgres import LocalPostgres
from easyflow.registry import load
from easyflow.storage import timeline
from easyflow.storage.database import committed
from tests.support.command_line import call
from tests.support.postgres import FAST, migrate, running_server, scratch_folder
from tests.support.site import Site, open_site
from tests.support.standby import Line, Standby, line_to, standby_of, until_guard
from tests.support.waiting import within
from tests.support.worker import running_worker

MODULES = ("tests.support.tasks", "tests.support.paying_tasks")
QUEUES = "default,payments"


class Pair(NamedTuple):
    """A primary, the standby that follows it, the line that workers use, and the database as they see it."""

    primary: LocalPostgres
    standby: Standby
    line: Line
    site: Site


@pytest.fixture
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    """A server of this test's own that it kills."""
    with (
        scratch_folder(tmp_path_factory.mktemp("primary")) as folder,
        running_server(folder, changes={**FAST, "wal_level": "replica"}) as server,
    ):
        migrate(server.url())
        yield server


@pytest.fixture
async def pair(primary: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """Both servers, and a line that leads to the primary."""
    with scratch_folder(tmp_path_factory.mktemp("standby")) as folder, line_to(primary.url()) as line:
        async with open_site(line.url, tmp_path_factory.mktemp("site")) as site:
            with standby_of(primary, folder / "home") as standby:
                yield Pair(primary, standby, line, site)


async def fail_over(pair: Pair) -> None:
    """Kill the primary for good, promote the standby, and lead everybody there."""
    pair.primary.kill()
    await pair.standby.promote()
    pair.line.lead_to(pair.standby.url())
    await pair.site.reconnect()


class Told(NamedTuple):
    """What a client was told: an unsafe and a keyed payment both servers know of, and what only the primary heard."""

    payment: UUID
    keyed: UUID
    unheard: list[UUID]


async def pay_unheard(pair: Pair) -> Told:
    """Have payments made, and more jobs acknowledged, while the standby hears nothing any more."""
    site = pair.site
    await site.change_queue("payments", paused=True)
    payment = await site.submit("pay.unsafe", queue="payments")
    keyed = await site.submit("pay.keyed", queue="payments")
    await pair.standby.caught_up()
    await pair.standby.fall_behind()
    await site.change_queue("payments", paused=False)
    unheard = [await site.submit("test.pure") for _ in range(5)]
    assert set(await site.until_ended(payment, keyed, *unheard)) == {"SUCCEEDED"}
    assert [site.trace.count("paid", each) for each in (payment, keyed)] == [1, 1]
    return Told(payment, keyed, unheard)


async def test_after_a_lagging_standby_was_promoted_no_payment_is_made_twice(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = pair.site
    monkeypatch.setenv("EASYFLOW_DATABASE_URL", site.url)
    with running_worker(site.url, site.trace, modules=MODULES, queues=QUEUES, executors=1) as worker:
        told = await pay_unheard(pair)
        lost_from = (await site.ticket(told.payment))["since"] - timedelta(seconds=30)
        await fail_over(pair)
        acknowledged = [told.payment, told.keyed, *told.unheard]
        assert [each for each in acknowledged if each not in await site.states(acknowledged)] == told.unheard

        await until_guard(site, "tripped")
        worker.until_said("timeline.tripped")
        await site.change_queue("payments", paused=False)
        later = await site.submit("pay.unsafe", queue="payments")
        assert await site.until_ended(await site.submit("test.pure"), told.keyed) == ["SUCCEEDED"] * 2
        assert await site.states([told.payment, later]) == {told.payment: "READY", later: "READY"}
        assert len({each["key"] for each in site.trace.events("paid", told.keyed)}) == 1
        shown = await call("timeline", "show")
        assert "unsafe jobs are paused" in shown.out
        assert "the timeline is 2, it was 1: a standby was promoted" in shown.out

        lost_until = (await site.ticket(later))["since"] - timedelta(microseconds=1)
        times = ("--lost-from", lost_from.isoformat(), "--lost-until", lost_until.isoformat())
        released = await call("timeline", "release", *times, "--reason", "the primary burned", "--json")
        assert (released.json["state"], released.json["parked"]) == ("watching", 1)
        assert await site.until_ended(later) == ["SUCCEEDED"]
        assert await site.states([told.payment]) == {told.payment: "IN_DOUBT"}
        assert [site.trace.count("paid", each) for each in (told.payment, later)] == [1, 1]
        worker.until_said("timeline.released")
    await site.assert_conserved()


async def test_nothing_is_claimed_from_a_standby_and_everything_after_a_planned_switch(pair: Pair) -> None:
    site = pair.site
    with running_worker(site.url, site.trace, modules=MODULES, queues=QUEUES, executors=1) as worker:
        await site.until_ended(await site.submit("pay.unsafe", queue="payments"))
        await pair.standby.caught_up()
        pair.primary.stop()
        pair.line.lead_to(pair.standby.url())
        await site.reconnect()
        assert (await timeline.look(site.connection)).standby
        assert await ConnectionGuard(uuid4(), load(list(MODULES)).values()).allowed(site.connection) == []
        away = "database.away"
        within(10, lambda: any("is a standby" in each["why"] for each in worker.said(away)), worker.told)
        await pair.standby.promote()
        kept = await until_guard(site, "tripped")
        async with committed(site.connection):
            await timeline.release(
                site.connection, seen_version=kept.version, lost=None, actor="test", reason="a planned switch"
            )
        assert await site.until_ended(await site.submit("pay.unsafe", queue="payments")) == ["SUCCEEDED"]
        await until_guard(site, "watching")
        assert await site.connection.fetchval("select count(*) from easyflow.parked") == 0
