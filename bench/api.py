"""How fast the API takes jobs, and how soon they start: a real `easyflow api`, a real worker, a durable PostgreSQL.

- noop:    a FastAPI endpoint that does nothing, served the same way: the yardstick, measured in turns with the others
- stored:  POST /jobs, one job each, for a queue that no worker serves
- keyed:   the same with an Idempotency-Key, each time another
- run:     POST /jobs for the worker, which runs the jobs meanwhile and takes its share of the machine
- list:    GET /jobs?limit=20 over all of these
- start:   from before a POST is sent to the first line of the job's handler, one job at a time on an idle system

Each figure is the median of the rounds; a ratio is the median of the ratios within each round. CPU is what the server's
one process spends on a request: it tells more than the rate when the machine has other work.
Run: `make bench-api` or `python bench/api.py --seconds 1 --connections 8,64`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyflow.local.ports import free_port
from easyflow.local.postgres import LocalPostgres
from easyflow.storage.migrations import migrate

HERE = Path(__file__).parent
UNSERVED = "bench-nobody"
READY_SECONDS = 60.0
KINDS = ("noop", "stored", "keyed", "run", "list")


def main() -> None:
    """Measure what was asked for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", default="1,8,32,64")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--starts", type=int, default=300, help="jobs posted one at a time")
    parser.add_argument("--kinds", default=",".join(KINDS))
    asked = parser.parse_args()
    levels = [int(each) for each in asked.connections.split(",")]
    with tempfile.TemporaryDirectory(prefix="easyflow-bench-") as folder, running(Path(folder)) as stack:
        print(
            f"{os.cpu_count()} cores for load, API, worker and PostgreSQL, busy before with {os.getloadavg()[0]:.1f}; "
            f"{asked.rounds} rounds of {asked.seconds:g} s; production mode, {stack.durability}"
        )
        print_starts(starts(stack, asked.starts))
        print_rates(stack, ["noop", *(kind for kind in asked.kinds.split(",") if kind != "noop")], levels, asked)


@dataclass(frozen=True)
class Stack:
    """The running processes: where they listen, and their ids."""

    api: int
    api_pid: int
    noop: int
    noop_pid: int
    stamps: Path
    durability: str


@contextmanager
def running(folder: Path) -> Iterator[Stack]:
    """Hold PostgreSQL, the API, one worker and the yardstick for the time of the benchmark."""
    with ExitStack() as held:
        server = LocalPostgres(folder / "postgres")
        server.start()
        held.callback(server.stop)
        migrate(server.url())
        stamps = folder / "stamps"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("EASYFLOW_")},
            "EASYFLOW_DATABASE_URL": server.url(),
            "EASYFLOW_TASKS": "stamp",
            "EASYFLOW_BENCH_STAMPS": str(stamps),
        }
        easyflow, api, noop = [sys.executable, "-m", "easyflow.cli.main"], free_port(), free_port()
        log = folder / "log"
        held.enter_context(process([*easyflow, "worker"], environment, log))
        api_pid = held.enter_context(process([*easyflow, "api", "--port", str(api)], environment, log))
        noop_pid = held.enter_context(process([sys.executable, "noop_app.py", str(noop)], environment, log))
        stack = Stack(api, api_pid, noop, noop_pid, stamps, durability(server))
        if not came_up(stack):
            raise SystemExit(f"the processes did not come up:\n{log.read_text()[-3000:]}")
        yield stack


@contextmanager
def process(command: list[str], environment: dict[str, str], log: Path) -> Iterator[int]:
    """Hold one process, which writes what it says into `log`, and yield its id; it is told to stop at the end."""
    with log.open("a") as said:
        started = subprocess.Popen(command, env=environment, cwd=HERE, stdout=said, stderr=said)
    try:
        yield started.pid
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(60)


def durability(server: LocalPostgres) -> str:
    """Say what this PostgreSQL promises at a commit."""
    settings = (server.cluster.data / "postgresql.conf").read_text()
    careless = [line for line in settings.splitlines() if line.startswith(("fsync = off", "synchronous_commit = off"))]
    return f"NOT durable: {careless}" if careless else "PostgreSQL with fsync and synchronous_commit on"


def came_up(stack: Stack) -> bool:
    """Wait until the API knows the worker's task and the yardstick answers; returns False when that takes too long."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            told = ask(stack.api, request("GET", "/api/v1/tasks"))
            ask(stack.noop, request("POST", "/noop"))
        except OSError:
            told = b""
        if b"bench.stamp" in told:
            return True
        time.sleep(0.1)
    return False


def request(method: str, path: str, body: Any = None, *headers: str) -> bytes:
    """Return a request as it goes over the wire."""
    content = b"" if body is None else json.dumps(body).encode()
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(content)}", *headers]
    if body is not None:
        head.append("Content-Type: application/json")
    return "\r\n".join([*head, "", ""]).encode() + content


def wire(kind: str, stack: Stack) -> tuple[int, bytes]:
    """Return the port and the request of one kind of measurement."""
    said = {"task": "demo.noop", "payload": {}}
    unserved = {**said, "queue": UNSERVED}
    return {
        "noop": (stack.noop, request("POST", "/noop", unserved)),
        "stored": (stack.api, request("POST", "/api/v1/jobs", unserved)),
        "keyed": (stack.api, request("POST", "/api/v1/jobs", unserved, "Idempotency-Key: {unique}")),
        "run": (stack.api, request("POST", "/api/v1/jobs", said)),
        "list": (stack.api, request("GET", "/api/v1/jobs?limit=20")),
    }[kind]


def ask(port: int, sent: bytes) -> bytes:
    """Send one request over a connection of its own; returns what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        return exchange(connection, sent)


def exchange(connection: socket.socket, sent: bytes) -> bytes:
    """Send one request and read its whole answer."""
    connection.sendall(sent)
    held = b""
    while True:
        chunk = connection.recv(65_536)
        if not chunk:
            raise ConnectionResetError("closed in the middle of an answer")
        held += chunk
        head, separator, body = held.partition(b"\r\n\r\n")
        if separator and len(body) >= int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
            return held


def starts(stack: Stack, count: int) -> list[float]:
    """Post jobs one at a time with pauses; returns milliseconds from before each POST to its handler's first line."""
    sent = request("POST", "/api/v1/jobs", {"task": "bench.stamp", "payload": {}})
    posted: dict[str, int] = {}
    with socket.create_connection(("127.0.0.1", stack.api)) as connection:
        for _ in range(count + 20):
            time.sleep(random.uniform(0.02, 0.08))
            began = time.time_ns()
            answer = exchange(connection, sent)
            posted[json.loads(answer.partition(b"\r\n\r\n")[2])["id"]] = began
    began_at: dict[str, int] = {}
    deadline = time.monotonic() + READY_SECONDS
    while len(began_at) < len(posted) and time.monotonic() < deadline:
        time.sleep(0.1)
        lines = (line.split() for line in stack.stamps.read_text().splitlines())
        began_at = {job_id: int(at) for job_id, at in lines}
    warm = list(posted.items())[20:]
    return [(began_at[job_id] - at) / 1e6 for job_id, at in warm]


def print_starts(took: list[float]) -> None:
    """Print how soon jobs started."""
    ordered = sorted(took)
    if not ordered:
        return
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    print(f"\nPOST to handler start, {len(ordered)} jobs on an idle system, ms:", end=" ")
    print(f"p50 {p50:.2f}, p99 {p99:.2f}, longest {ordered[-1]:.2f}")


def print_rates(stack: Stack, kinds: list[str], levels: list[int], asked: argparse.Namespace) -> None:
    """Measure all kinds in turns, round after round, and print one line for each."""
    print(f"\n{'':8}{'connections':>12}{'requests/s':>12}{'of no-op':>10}{'CPU us':>9}{'p50 ms':>9}{'p99 ms':>9}")
    for level in levels:
        measured: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
        for _ in range(asked.rounds):
            for kind in kinds:
                measured[kind].append(measure(stack, kind, level, asked.seconds))
        yardstick = [each["rate"] for each in measured["noop"]]
        for kind, found in measured.items():
            ratio = statistics.median(each["rate"] / noop for each, noop in zip(found, yardstick, strict=True))
            names = ("rate", "cpu", "p50", "p99")
            rate, cpu, p50, p99 = (statistics.median(each[name] for each in found) for name in names)
            print(f"{kind:8}{level:12}{rate:12.0f}{ratio:10.2f}{cpu:9.0f}{p50:9.2f}{p99:9.2f}", flush=True)


def measure(stack: Stack, kind: str, connections: int, seconds: float) -> dict[str, Any]:
    """Run the load generator once; fails when any answer is not the one that was wanted."""
    port, sent = wire(kind, stack)
    command = [sys.executable, str(HERE / "load.py"), str(port), str(connections), str(seconds)]
    pid = stack.noop_pid if kind == "noop" else stack.api_pid
    before = cpu_seconds(pid)
    told: dict[str, Any] = json.loads(subprocess.run(command, input=sent, check=True, stdout=subprocess.PIPE).stdout)
    told["cpu"] = (cpu_seconds(pid) - before) / told["sent"] * 1e6
    wanted = {"201"} if kind in ("stored", "keyed", "run") else {"200"}
    if set(told["statuses"]) != wanted:
        raise SystemExit(f"{kind}: {told['statuses']}")
    return told


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
