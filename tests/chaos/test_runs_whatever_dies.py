"""Runs of workflows while executors, supervisors and PostgreSQL die at random: each comes to its exact end, once."""

from __future__ import annotations

import asyncio
import os
import random
import time
from uuid import UUID

import asyncpg
import pytest

from easyflow.domain.workflow.reading import read
from easyflow.errors import EasyFlowError
from easyflow.local.postgres import LocalPostgres
from easyflow.storage.conservation import check_data
from easyflow.storage.database import committed
from easyflow.storage.runs import acts
from easyflow.storage.runs.acts import Caller
from easyflow.storage.runs.inserting import NewRun
from easyflow.storage.runs.start import start
from easyflow.storage.sql import Connection
from easyflow.storage.workflows import register
from tests.support.fleet import Fleet
from tests.support.site import Site
from tests.support.waiting import until

SEED = int(os.environ.get("EASYFLOW_TEST_SEED", "20261"))
RUNS, ITEMS, CHAOS_SECONDS = 24, 20, 12.0
SLOW = {"seconds": 0.05}
CLAIMS = {
    "name": "claims",
    "steps": [
        {"name": "parse", "task": "test.pure", "input": {"label": "${input.file}", **SLOW}},
        {
            "name": "reserve",
            "task": "test.write",
            "needs": ["parse"],
            "input": {"label": "reserve", **SLOW},
            "compensate_with": {"task": "test.write", "input": {"label": "release"}},
        },
        {
            "name": "each",
            "task": "test.write",
            "needs": ["parse"],
            "input": {"label": "${item}", **SLOW},
            "map": {"items": "${input.claims}", "concurrency": 6},
        },
        {"name": "approval", "needs": ["reserve", "each"], "wait_for_signal": {"signal": "approval"}},
        {
            "name": "refused",
            "needs": ["approval"],
            "when": "!steps.approval.result.approved",
            "fail": {"reason": "the claims were refused"},
        },
        {
            "name": "pay",
            "task": "test.write",
            "needs": ["approval"],
            "when": "steps.approval.result.approved",
            "input": {"label": "pay", **SLOW},
        },
    ],
}


async def begin(connection: Connection) -> list[UUID]:
    """Start every run, and give half of them their approval before they ask for it."""
    definition = read(CLAIMS)
    runs = []
    async with committed(connection):
        version = await register(connection, definition, actor="test")
        for n in range(RUNS):
            given = {"file": f"f{n}", "claims": [f"c{item}" for item in range(ITEMS)]}
            runs.append((await start(connection, NewRun(definition, version.number, given))).id)
    for run_id in runs[::2]:
        await approve(connection, run_id, approved=True)
    return runs


async def approve(connection: Connection, run_id: UUID, *, approved: bool) -> None:
    async with committed(connection):
        await acts.signal(connection, run_id, "approval", {"approved": approved}, Caller("olga"))


@pytest.mark.timeout(150)
async def test_every_run_is_exact_whatever_dies(own_server: LocalPostgres, own_site: Site) -> None:
    chance = random.Random(SEED)
    runs = await begin(own_site.connection)
    fleet = Fleet(own_site, own_server, chance)
    try:
        for worker in fleet.workers:
            worker.until_ready()
        began = time.monotonic()
        while time.monotonic() - began < CHAOS_SECONDS:
            await asyncio.sleep(chance.uniform(0.3, 1.5))  # the moment of the next death
            await fleet.lose_one()
        for run_id in runs[1::2]:
            await approve(own_site.connection, run_id, approved=False)

        async def all_over() -> bool:
            try:
                asked = "select count(*) from easyflow.runs where finished_at is null"
                return bool(await own_site.connection.fetchval(asked) == 0)
            except (EasyFlowError, asyncpg.PostgresError, OSError):
                return False

        await until(60, all_over, lambda: "runs that do not end")
    finally:
        fleet.stop()
    assert all(fleet.deaths.values()), f"a fault that never happens proves nothing: {fleet.deaths}"
    await assert_exact(own_site, runs)


async def assert_exact(site: Site, runs: list[UUID]) -> None:
    """Every effect once, every run in its state, and nothing else anywhere."""
    rows = await site.connection.fetch("select id, state from easyflow.runs order by id")
    assert [(row["id"], row["state"]) for row in rows] == [
        (run_id, "FAILED" if n % 2 else "SUCCEEDED") for n, run_id in enumerate(runs)
    ]
    written = await site.connection.fetch(
        "select label, count(*), count(distinct job_id) as jobs from public.effects group by label"
    )
    half = RUNS // 2
    wanted = {"reserve": RUNS, "release": half, "pay": half, **{f"c{item}": RUNS for item in range(ITEMS)}}
    assert {row["label"]: row["count"] for row in written} == wanted
    assert all(row["jobs"] == row["count"] for row in written)
    jobs = await site.connection.fetchval("select count(*) from easyflow.jobs")
    assert jobs == RUNS * (2 + ITEMS) + RUNS
    assert (await check_data(site.connection, at_rest=True)).breaches == []
