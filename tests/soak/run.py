"""One soak from beginning to end: load and faults, a quiet time, the end of every job, and the verdict."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import asyncpg

from easyflow.storage.conservation import check_data
from tests.soak.clients import Person, Traffic, people
from tests.soak.nemesis import Blow, Nemesis, read_blows
from tests.soak.operators import Operator
from tests.soak.recovery import waits
from tests.soak.stage import Stage, logs, open_stage
from tests.soak.verdict import BY_LUCK, LONG_SECONDS, SOMETIMES, Verdict, gathered, judge
from tests.support.client_history import ClientHistory
from tests.support.database_history import read_database_history
from tests.support.project import ROOT
from tests.support.provenance import provenance

T = TypeVar("T")

SUBMITTERS = ("ada", "bea", "cleo", "dora", "edda")
OPERATORS = ("olga", "otto")
QUIET_SHARE, LONGEST_QUIET_SECONDS = 0.15, 60.0
DRAIN_SECONDS = 240.0
OPEN = """
    select (select count(*) from easyflow.ready) + (select count(*) from easyflow.leases)
         + (select count(*) from easyflow.parked) as jobs
"""
WHERE = """
    select 'READY' as state, task, count(*) from easyflow.ready group by task
    union all select 'RUNNING', task, count(*) from easyflow.leases group by task
    union all select state, task, count(*) from easyflow.parked group by state, task
"""


@dataclass(slots=True)
class Soaked:
    """What a soak came to, for its report."""

    seed: int
    seconds: float
    provenance: str
    lease_seconds: float
    verdict: Verdict
    blows: list[Blow]
    skipped: dict[str, str]
    drain_seconds: float


async def soak(folder: Path, seed: int, seconds: float, lease_seconds: float, library: Path | None) -> Soaked:
    """Run one soak in an empty folder; what could not even be brought to its end is a breach too."""
    began, where = time.monotonic(), provenance(ROOT)  # the code it began with, whatever is committed meanwhile
    traffic = Traffic()
    async with open_stage(folder, library, lease_seconds) as stage:
        nemesis = Nemesis(stage, Random(f"{seed}:nemesis"), folder / "faults.jsonl")
        faulty = seconds - min(seconds * QUIET_SHARE, LONGEST_QUIET_SECONDS)
        async with _crowd(stage, seed, traffic) as (submitters, operators):
            stuck = await _play(stage, nemesis, submitters, operators, faulty)
        drained = time.time() - nemesis.last_at
        verdict = await _judged(stage, folder, traffic, [*stuck, *stage.end()])
        blows = read_blows(folder / "faults.jsonl")
        verdict.breaches += [f"{kind}: this fault never struck" for kind in nemesis.missing()]
        if seconds >= LONG_SECONDS:
            unseen = [each for each in SOMETIMES if not verdict.sometimes[each] and each not in BY_LUCK]
            verdict.breaches += [f"{each}: never seen, so the run is void" for each in unseen]
        took = time.monotonic() - began
        return Soaked(seed, took, where, lease_seconds, verdict, blows, nemesis.skipped(), drained)


@asynccontextmanager
async def _crowd(stage: Stage, seed: int, traffic: Traffic) -> AsyncIterator[tuple[list[Person], list[Operator]]]:
    names = [*SUBMITTERS, *OPERATORS]
    histories = {name: ClientHistory(stage.folder / "client.jsonl", name) for name in names}
    async with AsyncExitStack() as kept:
        for history in histories.values():
            kept.callback(history.close)
        urls = [api.url for api in stage.apis]
        crowd = await kept.enter_async_context(people(names, seed, urls, histories, traffic))
        submitters = [person for person in crowd if person.name in SUBMITTERS]
        yield submitters, [Operator(person, stage) for person in crowd if person.name in OPERATORS]


async def _play(
    stage: Stage, nemesis: Nemesis, submitters: list[Person], operators: list[Operator], seconds: float
) -> list[str]:
    """Load and faults, then load alone for a moment, then the end of every job; returns what stands in its way."""
    lasting = [stage.keep_up(), _watch(stage, submitters[0].traffic), *(each.work_for_ever() for each in operators)]
    always = [asyncio.create_task(each) for each in lasting]
    load = [asyncio.create_task(person.submit_for_ever()) for person in submitters]
    faults = asyncio.create_task(nemesis.strike_for(seconds))
    try:
        await _first(faults, *always, *load)
        stage.heal()
        submitters[0].traffic.over = True
        await asyncio.gather(*load)
        return await _first(asyncio.create_task(_drained(stage)), *always)
    finally:
        for task in (*always, *load, faults):
            task.cancel()
        await asyncio.gather(*always, *load, faults, return_exceptions=True)


async def _first(awaited: asyncio.Task[T], *lasting: asyncio.Task[Any]) -> T:
    """Wait for one task; raises what ends another before, which is wrong with the soak itself."""
    done, _ = await asyncio.wait([awaited, *lasting], return_when=asyncio.FIRST_COMPLETED)
    for task in done - {awaited}:
        task.result()
    if awaited not in done:
        awaited.cancel()
        raise RuntimeError("a part of the soak ended before its time")
    return awaited.result()


async def _watch(stage: Stage, traffic: Traffic) -> None:
    """Know how much is open, so that load that cannot be borne is not made."""
    while True:
        traffic.open_jobs = (await stage.ask(OPEN))[0]["jobs"]
        await asyncio.sleep(1)


async def _drained(stage: Stage) -> list[str]:
    """Wait until every job has ended; says what has not."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while (await stage.ask(OPEN))[0]["jobs"]:
        if time.monotonic() > deadline:
            left = await stage.ask(WHERE)
            return [f"after {DRAIN_SECONDS:g} s: {row['count']} {row['task']} are {row['state']}" for row in left]
        await asyncio.sleep(0.25)
    return []


async def _judged(stage: Stage, folder: Path, traffic: Traffic, wrong: list[str]) -> Verdict:
    """Have everything looked at that is left when nothing runs any more."""
    for api in stage.apis:
        await api.kill()
    connection = await asyncpg.connect(stage.server.url())
    try:
        rows = await connection.fetch("select job_id::text as job, count(*) as n from public.effects group by job_id")
        database = await read_database_history(connection)
        histories = gathered(
            folder / "client.jsonl", database, stage.recorder.history(), {row["job"]: row["n"] for row in rows}
        )
        found = judge(histories, logs(stage), traffic.seen)
        found.waits = await waits(connection, read_blows(folder / "faults.jsonl"))
        at_rest = await check_data(connection, at_rest=True)
    finally:
        await connection.close()
    found.breaches += [f"{each.kind} {each.about}: {each.message}" for each in at_rest.breaches]
    checked = await asyncio.to_thread(_easyflow_check, stage.server.url())
    found.breaches[:0] = wrong
    found.breaches += checked
    return found


def _easyflow_check(url: str) -> list[str]:
    """Ask the product itself; empty when it finds nothing."""
    words = [sys.executable, "-m", "easyflow.cli.main", "check"]
    environment = {**os.environ, "EASYFLOW_DATABASE_URL": url}
    said = subprocess.run(words, check=False, capture_output=True, text=True, env=environment, timeout=120)
    return [] if said.returncode == 0 else [f"easyflow check says:\n{said.stdout}{said.stderr}"]
