"""How fast one worker command drains no-op jobs, with history, fences and durability on.

Each scenario gets a fresh database on a PostgreSQL of its own with durable settings:

- loaded: the jobs are there before the worker starts
- pinned: the same, with a snapshot held open for the whole run
- empty:  the worker makes its plans on empty tables, then the jobs arrive while their queue is paused
- bare:   no worker; one process loops over the same claim and finish statements, the limit to compare with

Run: `make bench` or `python bench/drain.py --jobs 200000 --scenarios loaded,pinned`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from uuid_utils.compat import uuid7

from easyflow.domain.outcome import Succeeded
from easyflow.local.postgres import LocalPostgres
from easyflow.storage import claims, enqueue, leases, queues
from easyflow.storage.database import committed, connect
from easyflow.storage.migrations import migrate
from easyflow.storage.notifications import notify_control
from easyflow.storage.sql import Connection
from easyflow.storage.streams import Streams

TASK, QUEUE, BATCH = "demo.noop", "default", 2000
DEADLINE_SECONDS = 300.0


def main() -> None:
    """Run the scenarios asked for and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200_000)
    parser.add_argument("--executors", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--scenarios", default="loaded,pinned,empty,bare")
    asked = parser.parse_args()
    rates: dict[str, float] = {}
    print(f"{asked.jobs} jobs, {asked.executors} executors, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="easyflow-bench-") as folder:
        server = LocalPostgres(Path(folder) / "postgres")
        server.start()
        try:
            for scenario in asked.scenarios.split(","):
                rates[scenario] = run(server, scenario, asked.jobs, asked.executors)
        finally:
            server.stop()
    if "bare" in rates:
        for scenario, rate in rates.items():
            if scenario != "bare":
                print(f"{scenario:7} is {rate / rates['bare']:.2f} of the bare SQL loop")


def run(server: LocalPostgres, scenario: str, jobs: int, executors: int) -> float:
    """Run one scenario on a fresh database; returns jobs per second."""
    name = f"bench_{scenario}"
    asyncio.run(create_database(server.url("postgres"), name))
    url = server.url(name)
    migrate(url)
    if scenario == "bare":
        rate = asyncio.run(drain_bare(url, jobs))
        print(f"{scenario:7} {rate:8.0f} jobs/s")
        return rate
    with worker(url, executors, ready=scenario == "empty") as memory:
        if scenario == "empty":
            asyncio.run(arrive_while_paused(url, jobs))
        else:
            asyncio.run(load(url, jobs))
            memory.start()
        rate = asyncio.run(drained(url, jobs, pin=scenario == "pinned"))
        print(f"{scenario:7} {rate:8.0f} jobs/s   {memory.describe()}")
    return rate


class Memory:
    """The worker's processes: started when asked, their memory before and after."""

    def __init__(self, command: Callable[[], subprocess.Popen[bytes]]) -> None:
        """Know how to start the worker."""
        self._command = command
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the worker."""
        self.process = self._command()

    def describe(self) -> str:
        """Return the executors' resident memory in MB, and its peak."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        now = [status_kilobytes(pid, "VmRSS") // 1024 for pid in children]
        peak = [status_kilobytes(pid, "VmHWM") // 1024 for pid in children]
        return f"executors {now} MB resident, peak {peak} MB"


@contextmanager
def worker(url: str, executors: int, *, ready: bool) -> Iterator[Memory]:
    """Hold one `easyflow worker` command for the time of a scenario; `ready` starts it at once."""
    environment = {**os.environ, "EASYFLOW_DATABASE_URL": url}
    command = [sys.executable, "-m", "easyflow.cli.main", "worker", "--queues", QUEUE, "--executors", str(executors)]
    memory = Memory(lambda: subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
    if ready:
        memory.start()
    try:
        yield memory
    finally:
        if memory.process is not None:
            memory.process.send_signal(signal.SIGTERM)
            memory.process.wait(30)


async def create_database(url: str, name: str) -> None:
    """Create an empty database."""
    connection = await connect(url)
    await connection.execute(f"create database {name}")
    await connection.close()


async def load(url: str, jobs: int) -> None:
    """Enqueue no-op jobs in batches, and say how fast that was."""
    connection = await connect(url)
    began = time.monotonic()
    for start in range(0, jobs, BATCH):
        size = min(BATCH, jobs - start)
        await enqueue.insert(connection, [enqueue.NewTicket(uuid7(), TASK, QUEUE, "{}") for _ in range(size)])
    print(f"enqueue {jobs / (time.monotonic() - began):8.0f} jobs/s in batches of {BATCH}")
    await connection.close()


async def arrive_while_paused(url: str, jobs: int) -> None:
    """Let the worker run a few jobs on tables that are all but empty, then fill them behind its back."""
    connection = await connect(url)
    for _ in range(20):
        await enqueue.insert(connection, [enqueue.NewTicket(uuid7(), TASK, QUEUE, "{}") for _ in range(50)])
        await until(connection, "select not exists (select from easyflow.ready)")
    await set_paused(connection, True)
    await until(connection, "select not exists (select from easyflow.leases)")
    await connection.execute("truncate easyflow.attempts")
    await load(url, jobs)
    await set_paused(connection, False)
    await connection.close()


async def set_paused(connection: Connection, paused: bool) -> None:
    """Pause or resume the queue, as an operator does."""
    async with committed(connection):
        await queues.change(connection, QUEUE, actor="bench", paused=paused)
    await notify_control(connection)


async def drained(url: str, jobs: int, *, pin: bool) -> float:
    """Wait until everything is finished; returns jobs per second from the first claim to the last finish."""
    pinned = await connect(url)
    if pin:
        await pinned.execute("begin isolation level repeatable read")
        await pinned.execute("select count(*) from easyflow.jobs")
    connection = await connect(url)
    await until(
        connection,
        "select not exists (select from easyflow.ready) and not exists (select from easyflow.leases)"
        " and exists (select from easyflow.attempts)",
    )
    row = await connection.fetchrow(
        "select count(*), extract(epoch from max(finished_at) - min(claimed_at))::float8 from easyflow.attempts"
    )
    assert row is not None
    count, seconds = row
    if count != jobs:
        ended = await connection.fetch("select outcome, count(*) from easyflow.attempts group by 1 order by 1")
        raise SystemExit(f"{count} attempts for {jobs} jobs: {', '.join(f'{n} {outcome}' for outcome, n in ended)}")
    await connection.close()
    await pinned.close()
    return float(count / seconds)


async def until(connection: Connection, question: str) -> None:
    """Ask twice a second until the answer is yes."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not await connection.fetchval(question):
        if time.monotonic() > deadline:
            raise SystemExit(f"still not so after {DEADLINE_SECONDS:.0f} s: {question}")
        await asyncio.sleep(0.5)


async def drain_bare(url: str, jobs: int) -> float:
    """Claim and finish in one loop, without running anything."""
    await load(url, jobs)
    connection, streams, executor_id = await connect(url), Streams(), uuid4()
    began = time.monotonic()
    while True:
        rows = await claims.claim(
            connection,
            executor_id=executor_id,
            claim_id=uuid4(),
            tasks=[TASK],
            max_jobs=500,
            intervals=streams.intervals([QUEUE]),
        )
        if not rows:
            break
        streams.advance(rows)
        endings = [
            leases.Ending(r["job_id"], r["claim_token"], r["lease_no"], r["claimed_at"], 0.0, "", Succeeded())
            for r in rows
        ]
        await leases.finish(connection, executor_id, endings)
    rate = jobs / (time.monotonic() - began)
    await connection.close()
    return rate


def status_kilobytes(pid: str, field: str) -> int:
    """Read one size of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    main()
