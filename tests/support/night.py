"""The whole development stack with the nightly run in it, started as its users start it, and looked at from outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from easyflow.local.ports import free_port
from tests.support.waiting import within
from tests.support.worker import children_of, command_line

QUICK = {"EASYFLOW_LEASE_SECONDS": "3", "EASYFLOW_RENEW_SECONDS": "1", "EASYFLOW_DRAIN_GRACE_SECONDS": "3"}
UNSET = ("EASYFLOW_DATABASE_URL", "EASYFLOW_DATABASE_DIRECT_URL", "EASYFLOW_API_PORT", "EASYFLOW_TASKS")
VICTIMS = ("executor", "worker", "api", "postgres")
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncio.TimeoutError)


class Night:
    """One `easyflow dev` in a folder of its own."""

    def __init__(self, folder: Path, command: Sequence[str] = (), log: Path | None = None, **settings: str) -> None:
        """Start it on a free port, or by `command`; what it and its children write goes to a file."""
        self.folder = folder
        self.log = log or folder / "stack.log"
        kept = {name: value for name, value in os.environ.items() if name not in UNSET}
        alone = [sys.executable, "-m", "easyflow.cli.main", "dev", "--no-dashboard", "--api-port", str(free_port())]
        with self.log.open("wb") as written:
            self.process = subprocess.Popen(
                command or alone,
                cwd=folder,
                env={**kept, **QUICK, **settings},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
            )

    def until_running(self) -> None:
        """Wait for the sentence that says so."""
        within(90, lambda: "EasyFlow is running" in self.written(), self.written)

    def written(self) -> str:
        """The end of everything it wrote."""
        return self.log.read_text(errors="replace")[-6000:]

    def url(self) -> str:
        """The address of its database, from the file it leaves for other terminals."""
        for line in (self.folder / ".easyflow" / "environment").read_text().splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            if name == "EASYFLOW_DATABASE_URL":
                return value.strip("'\"")
        raise AssertionError("the stack left no database address")

    def kill(self, victim: str) -> bool:
        """Kill one of its processes with SIGKILL; says whether there was one."""
        pid = self._pid_of(victim)
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    def easyflow(self, *words: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command beside it, on its database."""
        return subprocess.run(
            [sys.executable, "-m", "easyflow.cli.main", *words],
            cwd=self.folder,
            env={**os.environ, "EASYFLOW_DATABASE_URL": self.url()},
            check=False,
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    async def ask(self, question: str, seconds: float = 60) -> int:
        """Ask its database for a number, for as long as the database is away."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                connection = await asyncpg.connect(self.url(), timeout=5)
                try:
                    return int(await connection.fetchval(question) or 0)
                finally:
                    await connection.close(timeout=1)
            except AWAY:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)

    def end(self) -> None:
        """Stop it in order; fails when it does not stop."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def _pid_of(self, victim: str) -> int | None:
        workers = [pid for pid in children_of(self.process.pid) if command_line(pid).strip().endswith(" worker")]
        if victim == "worker":
            return next(iter(workers), None)
        if victim == "executor":
            return next(
                (pid for worker in workers for pid in children_of(worker) if "executor_main" in command_line(pid)), None
            )
        if victim == "api":
            return next((pid for pid in children_of(self.process.pid) if " api " in command_line(pid)), None)
        data = str(self.folder / ".easyflow")
        return next((pid for pid in offspring(self.process.pid) if data in command_line(pid)), None)


def offspring(pid: int) -> list[int]:
    """A process's children, their children, and so on."""
    children = children_of(pid)
    return children + [each for child in children for each in offspring(child)]
