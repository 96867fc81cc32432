"""How soon jobs run again when a process is killed with SIGKILL, on a durable PostgreSQL of its own.

- process:    from a submit to the first line of a handler in a process of its own, then in the executor, one at a time
- executor:   from the kill of the one of two executors that runs most of 20 jobs to the next start of each of them
- supervisor: from the kill of one of two workers' supervisors to the next start of each job that worker ran
- worker:     the same, with its executors killed at the same moment, as when its machine is lost
- poison:     from submit to start in a healthy queue, before and while another queue gets a job that kills its
              process every second

Run: `make bench-recovery` or `python bench/recovery.py --rounds 3 --scenarios executor,poison`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from uuid_utils.compat import uuid7

from easyflow.local.postgres import LocalPostgres
from easyflow.settings import Settings
from easyflow.storage import enqueue
from easyflow.storage.database import connect
from easyflow.storage.migrations import migrate
from easyflow.storage.notifications import notify_ready
from easyflow.storage.sql import Connection

HERE = Path(__file__).parent
SCENARIOS = ("process", "executor", "supervisor", "worker", "poison")
LONG_SECONDS = 600.0
DEADLINE_SECONDS = 120.0


@dataclass(frozen=True)
class Start:
    """One line of the stamps: an attempt that began."""

    job: UUID
    lease: int
    pid: int
    at: float


@dataclass(frozen=True)
class Bench:
    """The database, and where the tasks write down when they began."""

    url: str
    connection: Connection
    stamps: Path
    jobs: int
    rounds: int

    def starts(self) -> list[Start]:
        """Return every start so far."""
        lines = (line.split() for line in self.stamps.read_text().splitlines())
        return [Start(UUID(job), int(lease), int(pid), int(at) / 1e9) for job, lease, pid, at in lines]

    async def until(self, ids: set[UUID], lease: int = 1) -> dict[UUID, Start]:
        """Wait until each of these jobs has begun under this lease or a later one; the first such start of each."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        found: dict[UUID, Start] = {}
        while len(found) < len(ids):
            if time.monotonic() > deadline:
                raise SystemExit(f"{len(found)} of {len(ids)} jobs began within {DEADLINE_SECONDS:.0f} s")
            await asyncio.sleep(0.02)
            found = {each.job: each for each in reversed(self.starts()) if each.job in ids and each.lease >= lease}
        return found

    async def submit(self, task: str, payload: str = "{}", count: int = 1, queue: str = "default") -> set[UUID]:
        """Submit jobs and wake the workers; their ids."""
        tickets = [enqueue.NewTicket(uuid7(), task, queue, payload) for _ in range(count)]
        await enqueue.insert(self.connection, tickets)
        await notify_ready(self.connection, {queue})
        return {ticket.id for ticket in tickets}

    async def cancel(self, ids: set[UUID]) -> None:
        """End what still runs, by taking its tickets away: the workers are killed behind it."""
        for table in ("ready", "leases", "parked"):
            await self.connection.execute(f"delete from easyflow.{table} where job_id = any ($1)", list(ids))


def main() -> None:
    """Run the scenarios asked for and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20, help="that run when an executor is killed")
    parser.add_argument("--rounds", type=int, default=5, help="kills in each scenario")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS))
    asked = parser.parse_args()
    print(f"commit {commit()}, {os.cpu_count()} cores ({processor()}), busy before with {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="easyflow-bench-") as folder:
        server = LocalPostgres(Path(folder) / "postgres")
        server.start()
        try:
            for scenario in asked.scenarios.split(","):
                asyncio.run(run(scenario, server, Path(folder), asked))
        finally:
            server.stop()


async def run(scenario: str, server: LocalPostgres, folder: Path, asked: argparse.Namespace) -> None:
    """Run one scenario on a fresh database."""
    name = f"bench_{scenario}"
    admin = await connect(server.url("postgres"))
    await admin.execute(f"create database {name}")
    await admin.close()
    await asyncio.to_thread(migrate, server.url(name))
    stamps = folder / f"stamps-{scenario}"
    stamps.touch()
    connection = await connect(server.url(name))
    bench = Bench(server.url(name), connection, stamps, asked.jobs, asked.rounds)
    await {
        "process": process,
        "executor": executor,
        "supervisor": supervisor,
        "worker": supervisor,
        "poison": poison,
    }[scenario](bench, scenario)
    await connection.close()


async def process(bench: Bench, scenario: str) -> None:
    """Start jobs one at a time, in a process of their own and in the executor."""
    with ExitStack() as held:
        await workers(bench, held, 1)
        for name, task in (("process", "bench.apart"), ("shared", "bench.stay")):
            waits = []
            for _ in range(100):
                began = time.monotonic()
                ids = await bench.submit(task)
                (start,) = (await bench.until(ids)).values()
                waits.append(start.at - began)
            say(name, waits, "from submit to start")


async def executor(bench: Bench, scenario: str) -> None:
    """Kill the executor that runs most."""
    waits: list[float] = []
    with ExitStack() as held:
        await workers(bench, held, 1)
        for _ in range(bench.rounds):
            ids = await bench.submit("bench.stay", f'{{"seconds": {LONG_SECONDS}}}', bench.jobs)
            first = await bench.until(ids)
            pids = [start.pid for start in first.values()]
            killed = max(set(pids), key=pids.count)
            lost = {job for job, start in first.items() if start.pid == killed}
            began = time.monotonic()
            os.kill(killed, signal.SIGKILL)
            again = await bench.until(lost, 2)
            waits += [start.at - began for start in again.values()]
            await asyncio.sleep(12)  # the next to be killed has lived long, as most have
    say(scenario, waits, f"from the kill to the next start, {bench.rounds} kills, 2 executors")


async def supervisor(bench: Bench, scenario: str) -> None:
    """Kill one of two supervisors, or everything of its worker."""
    waits: list[float] = []
    for _ in range(bench.rounds):
        with ExitStack() as held:
            pids = await workers(bench, held, 2)
            ids = await bench.submit("bench.stay", f'{{"seconds": {LONG_SECONDS}}}', 4 * bench.jobs)
            first = await bench.until(ids)
            own = set(children_of(pids[0]))
            lost = {job for job, start in first.items() if start.pid in own}
            began = time.monotonic()
            for pid in (pids[0], *(own if scenario == "worker" else ())):
                os.kill(pid, signal.SIGKILL)
            again = await bench.until(lost, 2)
            waits += [start.at - began for start in again.values()]
        await bench.cancel(ids)
    lease = Settings.model_fields["lease_seconds"].default
    say(scenario, waits, f"from the kill to the next start, {bench.rounds} kills, 2 workers, lease {lease:g} s")


async def poison(bench: Bench, scenario: str) -> None:
    """Start healthy jobs while another queue is healthy, and while it is poisoned."""
    with ExitStack() as held:
        await workers(bench, held, 1, "healthy,poison")
        calm = await healthy(bench, None)
        beside = await healthy(bench, "bench.poison")
    say("healthy", calm, "from submit to start, alone")
    say("beside", beside, "from submit to start, beside a queue that gets a killer every second")
    ratios = (statistics.median(beside) / statistics.median(calm), quantile(beside, 99) / quantile(calm, 99))
    killed = await bench.connection.fetchval("select count(*) from easyflow.finished where state = 'FAILED'")
    hurt = await bench.connection.fetchval(
        "select count(*) from easyflow.finished where queue = 'healthy' and losses > 0"
    )
    print(
        f"{'':11}beside / alone: p50 {ratios[0]:.2f}, p99 {ratios[1]:.2f}; "
        f"{killed} killers set aside, {hurt} healthy jobs charged"
    )


async def healthy(bench: Bench, other: str | None) -> list[float]:
    """Submit a healthy job every 20 ms for 20 s, and the other task every second; the healthy ones' waits."""
    began: dict[UUID, float] = {}
    due = time.monotonic()
    for turn in range(1000):
        due += 0.02
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if other is not None and turn % 50 == 0:
            await bench.submit(other, queue="poison")
        at = time.monotonic()
        (job,) = await bench.submit("bench.stay", queue="healthy")
        began[job] = at
    starts = await bench.until(set(began))
    return [start.at - began[job] for job, start in starts.items()]


async def workers(bench: Bench, held: ExitStack, count: int, queues: str = "default") -> list[int]:
    """Start workers of two executors each, wait until they make processes; their supervisors' process ids."""
    pids = [held.enter_context(worker(bench, queues)) for _ in range(count)]
    for _ in range(int(DEADLINE_SECONDS / 0.1)):
        # The fork server comes last, when both executors are ready.
        if all(len(children_of(pid)) >= 3 for pid in pids):
            break
        await asyncio.sleep(0.1)
    ids = await bench.submit("bench.apart", count=8, queue=queues.split(",")[0])
    await bench.until(ids)
    return pids


@contextmanager
def worker(bench: Bench, queues: str) -> Iterator[int]:
    """Hold one worker; at the end all of it is killed, as far as it still runs."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("EASYFLOW_")}
    environment = {**known, "EASYFLOW_DATABASE_URL": bench.url, "EASYFLOW_BENCH_STAMPS": str(bench.stamps)}
    words = ["worker", "--queues", queues, "--executors", "2", "--concurrency", "100", "--tasks", "stay"]
    started = subprocess.Popen(
        [sys.executable, "-m", "easyflow.cli.main", *words], env=environment, cwd=HERE, stderr=subprocess.DEVNULL
    )
    try:
        yield started.pid
    finally:
        executors = children_of(started.pid)
        started.kill()
        for pid in executors:
            os.kill(pid, signal.SIGKILL)
        started.wait(30)


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def say(name: str, waits: list[float], what: str) -> None:
    """Print one line: milliseconds."""
    p50, p99 = (1e3 * quantile(waits, percent) for percent in (50, 99))
    print(
        f"{name:11}p50 {p50:7.0f} ms, p99 {p99:7.0f} ms, longest {1e3 * max(waits):7.0f} ms; {len(waits)} jobs {what}",
        flush=True,
    )


def quantile(waits: list[float], percent: int) -> float:
    """Return the wait that so many percent stay below."""
    return sorted(waits)[min(len(waits) * percent // 100, len(waits) - 1)]


def commit() -> str:
    """Name the commit that is measured."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or "unknown"


def processor() -> str:
    """Name the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
