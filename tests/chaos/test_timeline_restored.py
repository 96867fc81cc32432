"""A database that comes back as it was: by a storage snapshot, by a dump, or, harmless, by its own recovery."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from easyflow.local.postgres import LocalPostgres
from easyflow.storage import timeline
from easyflow.storage.database import UNREACHABLE, committed
from tests.support.postgres import migrate, running_server, scratch_folder
from tests.support.site import Site, open_site
from tests.support.standby import Snapshots, differences, run_tool, until_guard
from tests.support.waiting import until
from tests.support.worker import running_worker

CRASHES = 3
MODULES = ("tests.support.tasks", "tests.support.paying_tasks")
QUICK: dict[str, Any] = {
    "modules": MODULES, "queues": "default,payments", "executors": 1, "lease_seconds": 1, "renew_seconds": 0.3,
}  # fmt: skip


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    """A server of this test's own, migrated."""
    with scratch_folder(tmp_path_factory.mktemp("postgres")) as folder, running_server(folder) as running:
        migrate(running.url())
        yield running


@pytest.fixture
async def site(server: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """Its database."""
    async with open_site(server.url(), tmp_path_factory.mktemp("site")) as opened:
        yield opened


async def pay_behind_the_snapshot(site: Site, snapshots: Snapshots) -> Any:
    """Submit a payment, take the snapshot before it is made, and have it made and seen by a worker's beat; its id."""
    await site.change_queue("payments", paused=True)
    payment = await site.submit("pay.unsafe", queue="payments")
    snapshots.take()
    await site.reconnect()
    await site.change_queue("payments", paused=False)
    assert await site.until_ended(payment) == ["SUCCEEDED"]
    made = await site.connection.fetchval("select commit_counter from easyflow.server_facts()")

    async def seen() -> bool:
        kept = (await timeline.look(site.connection)).kept
        return kept is not None and kept.counter is not None and kept.counter > made

    await until(10, seen, lambda: "no worker has looked since the payment")
    return payment


async def assert_only_pure_jobs_go_on(site: Site, payment: Any) -> None:
    """The payment waits where it is; others run."""
    await site.change_queue("payments", paused=False)
    assert await site.until_ended(await site.submit("test.pure")) == ["SUCCEEDED"]
    assert (await site.states([payment]), site.trace.count("paid", payment)) == ({payment: "READY"}, 1)


async def test_a_snapshot_put_back_under_a_live_worker_pauses_unsafe_jobs_until_the_lost_time_is_stated(
    server: LocalPostgres, site: Site
) -> None:
    snapshots = Snapshots(server)
    with running_worker(site.url, site.trace, **QUICK):
        payment = await pay_behind_the_snapshot(site, snapshots)
        snapshots.put_back()
        await site.reconnect()
        kept = await until_guard(site, "tripped")
        assert "the storage went back in time" in await differences(site)
        await assert_only_pure_jobs_go_on(site, payment)
        now = await site.connection.fetchval("select clock_timestamp()")
        created = (await site.ticket(payment))["since"]
        async with committed(site.connection):
            await timeline.release(
                site.connection, seen_version=kept.version, lost=(created, now), actor="test", reason="a snapshot"
            )
        await site.until_state(payment, "IN_DOUBT")
        await until_guard(site, "watching")
        later = await site.submit("pay.unsafe", queue="payments")
        assert await site.until_ended(later) == ["SUCCEEDED"]
        assert [site.trace.count("paid", each) for each in (payment, later)] == [1, 1]


async def test_a_snapshot_put_back_while_no_worker_ran_is_noticed_by_what_the_last_one_left_in_its_folder(
    server: LocalPostgres, site: Site
) -> None:
    snapshots = Snapshots(server)
    with running_worker(site.url, site.trace, **QUICK):
        payment = await pay_behind_the_snapshot(site, snapshots)
    snapshots.put_back()
    await site.reconnect()
    with running_worker(site.url, site.trace, **QUICK):
        await until_guard(site, "tripped")
        await assert_only_pure_jobs_go_on(site, payment)


async def test_a_snapshot_is_noticed_even_when_its_counter_has_run_past_what_was_seen(
    server: LocalPostgres, site: Site
) -> None:
    snapshots = Snapshots(server)
    with running_worker(site.url, site.trace, **QUICK) as worker:
        payment = await pay_behind_the_snapshot(site, snapshots)
        seen = (await timeline.look(site.connection)).counter
        worker.send(signal.SIGTERM)
        worker.ended()
    snapshots.put_back()
    await site.reconnect()
    await site.connection.execute("create table filler as select repeat('x', 500) from generate_series(1, 20000)")
    assert ((await timeline.look(site.connection)).counter or 0) > (seen or 0) + 1_000_000
    with running_worker(site.url, site.trace, **QUICK):
        await until_guard(site, "tripped")
        assert "storage" not in await differences(site)
        assert "was committed, and the database knows only" in await differences(site)
        await assert_only_pure_jobs_go_on(site, payment)


async def test_a_dump_restored_into_another_cluster_pauses_unsafe_jobs_for_a_worker_that_knows_nothing(
    server: LocalPostgres, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dump = server.cluster.home / "dump"
    with running_worker(site.url, site.trace, **QUICK):
        await site.change_queue("payments", paused=True)
        payment = await site.submit("pay.unsafe", queue="payments")
        run_tool(server.cluster, "pg_dump", "-Fc", "-f", str(dump), "-d", site.url)
        await site.change_queue("payments", paused=False)
        await site.until_ended(payment)
    with scratch_folder(tmp_path_factory.mktemp("other")) as folder, running_server(folder) as other:
        moved = shutil.copy(dump, other.cluster.home / "dump")
        run_tool(other.cluster, "pg_restore", "-d", other.url(), str(moved))
        site.url = other.url()
        await site.reconnect()
        with running_worker(site.url, site.trace, **QUICK, state_folder=folder / "nothing"):
            await until_guard(site, "tripped")
            assert "the system identifier is" in await differences(site)
            await assert_only_pure_jobs_go_on(site, payment)


async def hurry(url: str) -> None:
    """Let the server's counters run ahead of its disk, until cancelled: commits nobody waits for, and rollbacks."""
    while True:
        with contextlib.suppress(*UNREACHABLE, asyncpg.PostgresError):
            connection = await asyncpg.connect(url, timeout=1)
            try:
                await connection.execute("create table if not exists public.hurry (n integer)")
                await connection.execute("set synchronous_commit = off")
                while True:
                    await connection.execute("insert into public.hurry select generate_series(1, 50)")
                    rolled_back = connection.transaction()
                    await rolled_back.start()
                    await connection.execute("insert into public.hurry select generate_series(1, 500)")
                    await rolled_back.rollback()
            finally:
                connection.terminate()
        await asyncio.sleep(0.02)


def end_at_once(server: LocalPostgres) -> None:
    """Stop as `pg_ctl stop -m immediate` does."""
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    server._wait_for_end(None)


def crash(server: LocalPostgres, number: int) -> None:
    """End the server without a checkpoint, in turn by its own hand and by force, and take it up again."""
    if number % 2:
        server.kill()
    else:
        end_at_once(server)
    assert server.restart_if_dead()


def restart(server: LocalPostgres) -> None:
    """Stop the server in order and start it again."""
    server.stop()
    server.start()


@pytest.fixture
async def busy(site: Site) -> AsyncIterator[None]:
    """Others write to the same server all the time."""
    others = [asyncio.create_task(hurry(site.url)) for _ in range(2)]
    yield
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def test_crashes_and_restarts_are_no_step_back(server: LocalPostgres, site: Site, busy: None) -> None:
    with running_worker(site.url, site.trace, **QUICK) as worker:
        for number in range(CRASHES):
            await site.until_ended(await site.submit("pay.unsafe", queue="payments"))
            crash(server, number)
            await site.reconnect()
        restart(server)
        await site.reconnect()
        await site.until_ended(await site.submit("pay.unsafe", queue="payments"))
        assert worker.said("timeline.tripped") == []
        kept = await until_guard(site, "watching")
        assert (kept.version, kept.epoch) == (1, 1)
    with running_worker(site.url, site.trace, **QUICK):
        await site.until_ended(await site.submit("pay.unsafe", queue="payments"))
        assert (await until_guard(site, "watching")).version == 1
