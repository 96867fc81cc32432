"""An executor process as its supervisor sees it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from easyflow.domain.rescue import Fate
from easyflow.engine import channel
from easyflow.engine.marks import Mark, Marks

SPARE_MARKS = 4096


@dataclass(slots=True, eq=False)
class Child:
    """One executor process: its identity, its marks, its pipes."""

    executor_id: UUID
    process: asyncio.subprocess.Process
    marks: Marks
    status: asyncio.StreamReader
    born_at: float = field(default_factory=time.monotonic)
    ready: bool = False
    fatal: str | None = None
    culprits: set[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's id."""
        return self.process.pid

    def tell(self, message: channel.Message) -> None:
        """Send it a message; one that has died does not mind."""
        if self.process.stdin is not None and not self.process.stdin.is_closing():
            with contextlib.suppress(OSError):
                self.process.stdin.write(channel.encode(message))

    async def listen(
        self,
        on_ready: Callable[[list[str]], None],
        on_change: Callable[..., None],
        on_death: Callable[[str], None],
    ) -> None:
        """Follow what it says: of its start, of topics its jobs have changed, of a task whose job has died alone."""
        async for message in channel.messages(self.status):
            if message.get("ready"):
                self.ready = True
                on_ready(message["tasks"])
            if "changed" in message:
                on_change(*message["changed"])
            if "died_alone" in message:
                on_death(message["died_alone"])
            self.fatal = message.get("fatal", self.fatal)

    def overdue(self, now: float) -> set[bytes]:
        """Return the tokens of started attempts that ignore their deadline."""
        return {mark.token for mark in self.marks.started() if mark.kill_at < now}

    def kill(self, culprits: set[bytes] | None = None) -> None:
        """Kill it at once; with known culprits, perhaps none, only they are charged for it."""
        self.culprits = culprits
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)

    def fates(self) -> dict[bytes, Fate]:
        """Tell, once it is dead, how far each started attempt had come; any other was never begun."""
        return {mark.token: self._fate(mark) for mark in self.marks.started()}

    def _fate(self, mark: Mark) -> Fate:
        """Judge one; an attempt in a process of its own dies alone, so that it is not to blame for all the others."""
        if self.culprits is None:
            return "unknown" if mark.apart else "started"
        return "started" if mark.token in self.culprits else "bystander"


async def spawn(
    executor_id: UUID, worker_id: UUID, *, executors: int, concurrency: int, modules: list[str], door: int
) -> Child:
    """Start an executor process: a fresh interpreter, not a fork; `door` leads to the fork server."""
    marks = Marks.create(concurrency + SPARE_MARKS)
    status_read, status_write = os.pipe()
    orders = {
        "executor_id": str(executor_id),
        "worker_id": str(worker_id),
        "executors": executors,
        "concurrency": concurrency,
        "modules": modules,
        "marks_fd": marks.descriptor,
        "marks_slots": marks.slots,
        "status_fd": status_write,
        "door_fd": door,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "easyflow.engine.executor_main",
        json.dumps(orders),
        stdin=asyncio.subprocess.PIPE,
        pass_fds=[marks.descriptor, status_write, door],
    )
    os.close(status_write)
    return Child(executor_id, process, marks, await channel.reader_of(os.fdopen(status_read, "rb")))
