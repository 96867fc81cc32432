"""A real worker, started as its users start it, and looked at from outside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import is_alive
from tests.support.project import ROOT
from tests.support.tasks import TRACE
from tests.support.trace import Trace
from tests.support.waiting import within

MODULES = ("tests.support.tasks", "tests.support.wrong_tasks", "tests.support.effect_tasks")
READY_SECONDS = 30.0
END_SECONDS = 30.0
# A test does not wait as long as a night run does.
QUICK = {"lease_seconds": 3, "renew_seconds": 1, "drain_grace_seconds": 2, "kill_grace_seconds": 0.5}


@dataclass(slots=True)
class Worker:
    """One supervisor process and what it says; it may have ended."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        return self.process.pid

    def executors(self) -> list[int]:
        """The process ids of its executors that run."""
        return [pid for pid in children_of(self.pid) if "easyflow.engine.executor_main" in command_line(pid)]

    def said(self, event: str | None = None) -> list[dict[str, Any]]:
        """The lines of its log, of one event if given; what is not a log line is left out."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return [each for each in found if event in (None, each.get("event"))]

    def complaints(self) -> list[str]:
        """What it wrote that is not a log line."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if not line.startswith("{")]

    def until_ready(self) -> None:
        """Wait until all its executors run jobs."""
        within(READY_SECONDS, lambda: self.said("worker.ready"), self.told)

    def until_said(self, event: str, times: int = 1, seconds: float = 10.0) -> None:
        """Wait until it has told of something."""
        within(seconds, lambda: len(self.said(event)) >= times, self.told)

    def send(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        self.process.send_signal(number)

    def ended(self, seconds: float = END_SECONDS) -> int:
        """Wait for the supervisor's end; its exit code."""
        return self.process.wait(seconds)

    def told(self) -> str:
        """All it said, for a failure's message."""
        return self.log.read_text(errors="replace")[-4000:]


def start_worker(
    url: str,
    trace: Trace,
    *,
    queues: str = "default",
    modules: Sequence[str] = MODULES,
    executors: int = 2,
    concurrency: int = 20,
    **settings: object,
) -> Worker:
    """Start a worker on a database; settings are named as in `Settings`. Its patience is short unless they say."""
    own = {"database_url": url, "log_format": "json", "state_folder": trace.file.parent / "state"}
    known = {**own, **QUICK, **settings}
    log = trace.file.with_name(f"worker-{len(list(trace.file.parent.iterdir()))}.log")
    words = ["worker", "--queues", queues, "--executors", str(executors), "--concurrency", str(concurrency)]
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "easyflow.cli.main", *words, "--tasks", ",".join(modules)],
            cwd=ROOT,
            env={**os.environ, TRACE: str(trace.file), **{f"EASYFLOW_{k.upper()}": str(v) for k, v in known.items()}},
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
        )
    return Worker(process, log)


@contextlib.contextmanager
def running_worker(url: str, trace: Trace, **options: Any) -> Iterator[Worker]:
    """A ready worker; at the end it is killed if it has not ended, and nothing of it may be left."""
    worker = start_worker(url, trace, **options)
    try:
        worker.until_ready()
        yield worker
    finally:
        end_worker(worker)


def end_worker(worker: Worker) -> None:
    """End a worker in order, else by force; fails when one of its executors goes on without it."""
    executors = worker.executors()
    for pid in (worker.pid, *executors):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    with contextlib.suppress(ProcessLookupError):
        worker.send(signal.SIGTERM)
    try:
        worker.ended(10.0)
    except subprocess.TimeoutExpired:
        worker.process.kill()
        worker.ended()
        raise AssertionError(f"the worker did not end when it was told to:\n{worker.told()}") from None
    finally:
        until_gone(executors)


def until_gone(pids: Sequence[int], seconds: float = 10.0) -> None:
    """Wait until these processes have ended."""
    within(seconds, lambda: not any(map(is_alive, pids)), lambda: f"{[p for p in pids if is_alive(p)]} still run")


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that have not been collected."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [int(child) for child in listed.read_text().split()]
    except FileNotFoundError:
        return []


def command_line(pid: int) -> str:
    """How a process was started; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
