"""How fast runs go on, with history, fences and durability on, on a PostgreSQL of its own.

- chain: runs of ten steps, one behind the other, all started before the worker; transitions are ends of steps
- map:   one run over a list of items, one job each; from the start of the run to its first job, and jobs per second

Run: `make bench-workflows` or `python -m bench.workflows --runs 5000 --items 50000`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.drain import create_database, until, worker
from easyflow.domain.workflow.reading import read
from easyflow.local.postgres import LocalPostgres
from easyflow.storage.database import connect
from easyflow.storage.migrations import migrate
from easyflow.storage.runs.inserting import NewRun
from easyflow.storage.runs.start import start
from easyflow.storage.workflows import register

STEPS, TASK, BATCH = 10, "demo.noop", 100
OVER = "select not exists (select from easyflow.runs where finished_at is null)"

CHAIN: dict[str, Any] = {
    "name": "chain",
    "steps": [
        {"name": f"s{n}", "task": TASK, "input": {}, **({"needs": [f"s{n - 1}"]} if n else {})} for n in range(STEPS)
    ],
}
MAP: dict[str, Any] = {"name": "map", "steps": [{"name": "each", "task": TASK, "map": {"items": "${input.items}"}}]}


def main() -> None:
    """Run both and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5_000)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--executors", type=int, default=os.cpu_count() or 2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="easyflow-bench-") as folder:
        server = LocalPostgres(Path(folder) / "postgres")
        server.start()
        try:
            chain(server, asked.runs, asked.executors)
            fan_out(server, asked.items, asked.executors)
        finally:
            server.stop()


def chain(server: LocalPostgres, runs: int, executors: int) -> None:
    """Drain runs of ten steps."""
    url = fresh(server, "bench_chain")
    began = time.monotonic()
    asyncio.run(begin(url, CHAIN, runs, {}))
    print(f"start  {runs / (time.monotonic() - began):8.0f} runs/s in batches of {BATCH}")
    with worker(url, executors, ready=True) as memory:
        seconds = asyncio.run(over(url, runs * STEPS))
        print(f"chain  {runs * STEPS / seconds:8.0f} transitions/s, {runs} runs of {STEPS} steps   {memory.describe()}")


def fan_out(server: LocalPostgres, items: int, executors: int) -> None:
    """Drain one map."""
    url = fresh(server, "bench_map")
    with worker(url, executors, ready=True) as memory:
        asyncio.run(warm(url))
        began = time.monotonic()
        asyncio.run(begin(url, MAP, 1, {"items": [{}] * items}))
        started = time.monotonic() - began
        seconds = asyncio.run(over(url, items))
        print(f"map    {items / seconds:8.0f} items/s, stored in {started:.2f} s   {memory.describe()}")


def fresh(server: LocalPostgres, name: str) -> str:
    """Return the address of a new, migrated database."""
    asyncio.run(create_database(server.url("postgres"), name))
    migrate(server.url(name))
    return server.url(name)


async def begin(url: str, document: dict[str, Any], runs: int, given: object) -> None:
    """Start runs, some in each transaction."""
    definition = read(document)
    connection = await connect(url)
    version = await register(connection, definition, actor="bench")
    for first in range(0, runs, BATCH):
        async with connection.transaction():
            for _ in range(min(BATCH, runs - first)):
                await start(connection, NewRun(definition, version.number, given))
    await connection.close()


async def warm(url: str) -> None:
    """Wait until the worker is there."""
    connection = await connect(url)
    await until(connection, "select exists (select from easyflow.executors)")
    await connection.close()


async def over(url: str, jobs: int) -> float:
    """Wait until every run is over; returns the seconds from the first claim to the last finish."""
    connection = await connect(url)
    await until(connection, OVER)
    row = await connection.fetchrow(
        "select count(*), extract(epoch from max(finished_at) - min(claimed_at))::float8 from easyflow.attempts"
    )
    await connection.close()
    assert row is not None
    if row[0] != jobs:
        raise SystemExit(f"{row[0]} attempts for {jobs} jobs")
    return float(row[1])


if __name__ == "__main__":
    main()
