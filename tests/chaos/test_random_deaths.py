"""Executors, supervisors and PostgreSQL die at random under work of every kind; at the end everything is exact."""

from __future__ import annotations

import asyncio
import os
import random
import time

import pytest

from easyflow.local.postgres import LocalPostgres
from easyflow.storage.enqueue import NewTicket
from tests.support.fleet import Fleet
from tests.support.site import Site, job

SEED = int(os.environ.get("EASYFLOW_TEST_SEED", "20261"))
JOBS = 1000
CHAOS_SECONDS = 18.0


def some_jobs(chance: random.Random) -> list[NewTicket]:
    """Jobs of every kind that may run again, with and without keys, some failing at first."""
    wanted = []
    for n in range(JOBS):
        key = chance.choice([None, None, f"k{n % 25}"])
        payload = {"label": f"{n:04}", "seconds": chance.choice([0, 0.05, 0.3]), "failures": int(n % 20 == 0)}
        task = chance.choice(["test.write", "test.write", "test.pure"])
        wanted.append(job(task, payload, key=key, ordered=None if key is None else n % 2 == 0))
    return wanted


@pytest.mark.timeout(150)
async def test_everything_is_exact_whatever_dies(own_server: LocalPostgres, own_site: Site) -> None:
    chance = random.Random(SEED)
    wanted = some_jobs(chance)
    ids = await own_site.submit_all(wanted)
    fleet = Fleet(own_site, own_server, chance)
    try:
        for worker in fleet.workers:
            worker.until_ready()
        began = time.monotonic()
        while time.monotonic() - began < CHAOS_SECONDS:
            await asyncio.sleep(chance.uniform(0.3, 1.5))  # the moment of the next death
            await fleet.lose_one()
        assert set(await own_site.until_ended(*ids, seconds=60)) == {"SUCCEEDED"}
    finally:
        fleet.stop()
    writes = [each.id for each in wanted if each.task == "test.write"]
    assert await own_site.effects_of_each() == dict.fromkeys(writes, 1)
    ended = {each["job"] for each in own_site.trace.events("end")}
    assert ended == {str(job_id) for job_id in ids}
    assert await own_site.connection.fetchval("select count(*) from easyflow.leases") == 0
    await own_site.assert_conserved()
    rows = await own_site.connection.fetch("select outcome, count(*) from easyflow.attempts group by outcome")
    outcomes = {row["outcome"]: row["count"] for row in rows}
    assert all(fleet.deaths.values()), f"a fault that never happens proves nothing: {fleet.deaths}"
    assert {"lost", "unstarted", "retried"} <= outcomes.keys(), outcomes
    await assert_in_order(own_site)


async def assert_in_order(site: Site) -> None:
    """For each ordering key, the completions came in the order of submission."""
    rows = await site.connection.fetch(
        """
        select j.key, array_agg(j.payload ->> 'label' order by a.finished_at, a.lease_no) as labels
        from easyflow.finished f join easyflow.jobs j on j.id = f.job_id
        join easyflow.attempts a on a.job_id = j.id and a.outcome = 'succeeded'
        where f.ordered group by j.key
        """
    )
    assert len(rows) > 10
    for row in rows:
        assert row["labels"] == sorted(row["labels"]), row["key"]
