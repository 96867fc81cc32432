"""Where the soak plays: PostgreSQL, workers, two APIs, lines that can break, a recorder; and what keeps them up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from easyflow.local.postgres import LocalPostgres
from tests.soak.clock import Clock
from tests.support.api_process import ApiProcess
from tests.support.effects import RecorderProcess, running_recorder
from tests.support.faults import Faults, faults
from tests.support.lab_tasks import RECORDER
from tests.support.night import AWAY, offspring
from tests.support.postgres import migrate, running_server, scratch_folder
from tests.support.proxy import ProxyProcess, proxy_process
from tests.support.trace import Trace
from tests.support.waiting import until
from tests.support.worker import Worker, end_worker, start_worker

MODULES = ("tests.support.tasks", "tests.support.wrong_tasks", "tests.support.lab_tasks", "tests.soak.tasks")
POISON = "poison"
LOSSES, UNSTARTED = 10, 50
READY_SECONDS = 90.0
PATIENCE = {
    "drain_grace_seconds": 0.4,
    "kill_grace_seconds": 0.5,
    "loss_limit": LOSSES,
    "unstarted_limit": UNSTARTED,
}
# Longer than a receiver may take to hear of a call that a woken process had begun.
HEARD_SECONDS = 12.0
KILLED_AT = tuple(f"P{n}" for n in range(4, 11))
STRUCK = {
    **{f"{point} kill": f"{point}:kill/after=kill-{point}" for point in KILLED_AT},
    "P2 drop": "P2:drop/after=drop-P2",
}


@dataclass(slots=True, eq=False)
class Post:
    """The place of one worker: where it finds the database, what it serves, and whose clock it reads."""

    name: str
    url: str
    queues: str
    executors: int
    clock: Clock | None = None
    worker: Worker | None = None

    @property
    def present(self) -> Worker:
        """The worker that holds it now."""
        assert self.worker is not None
        return self.worker


@dataclass(slots=True, eq=False)
class Stage:
    """Everything that runs, each thing ready to be broken; `keep_up` starts again what has died."""

    folder: Path
    server: LocalPostgres
    recorder: RecorderProcess
    worker_line: ProxyProcess
    api_line: ProxyProcess
    database_clock: Clock
    worker_clock: Clock
    can_step: bool
    lease_seconds: float
    faults: Faults
    posts: list[Post] = field(default_factory=list)
    apis: list[ApiProcess] = field(default_factory=list)
    stopped: set[int] = field(default_factory=set)
    woken_at: float = float("-inf")
    started: list[Worker] = field(default_factory=list)

    def healthy(self) -> list[Post]:
        """The posts that serve no poison."""
        return [post for post in self.posts if post.queues != POISON]

    def truth_stands(self) -> bool:
        """Say whether no call can arrive any more that a stopped process had begun."""
        return not self.stopped and time.monotonic() - self.woken_at > HEARD_SECONDS

    def man(self, post: Post) -> Worker:
        """Start a worker for a post; whoever held it is not touched."""
        os.environ[RECORDER] = self.recorder.url
        self.started = [worker for worker in self.started if worker.process.poll() is None]
        with post.clock.worn() if post.clock else contextlib.nullcontext():
            post.worker = start_worker(
                post.url,
                Trace(self.folder / "workers" / "trace.jsonl"),
                queues=post.queues,
                modules=MODULES,
                executors=post.executors,
                concurrency=12,
                transactional_concurrency=4,
                lease_seconds=self.lease_seconds,
                renew_seconds=self.lease_seconds * 0.3,
                **{**PATIENCE, **self.faults.settings},
            )
        self.started.append(post.worker)
        return post.worker

    async def keep_up(self) -> None:
        """Start again whatever has died, for ever, as whoever runs it would."""
        await asyncio.gather(self._keep_workers(), *map(self._keep_api, self.apis))

    async def _keep_workers(self) -> None:
        while True:
            for post in self.posts:
                if post.present.process.poll() is not None:
                    self.man(post)
            await asyncio.sleep(0.2)

    async def _keep_api(self, api: ApiProcess) -> None:
        while True:
            if api.process is None or api.process.poll() is not None:
                try:
                    await api.start()
                except AssertionError:  # it did not become ready: the database is away
                    await api.kill()
            await asyncio.sleep(0.2)

    def crash_database(self) -> None:
        """Stop PostgreSQL as `pg_ctl stop -m immediate` does."""
        assert self.server.pid is not None
        os.kill(self.server.pid, signal.SIGQUIT)

    async def restart_database(self) -> None:
        """Start it again once it has ended; it takes connections when this returns."""

        async def ended() -> bool:
            return self.server.exit_code is not None

        await until(20, ended, lambda: "PostgreSQL did not stop")
        with self.database_clock.worn():
            assert self.server.restart_if_dead()

    async def ask(self, question: str, *arguments: Any, seconds: float = 60) -> list[asyncpg.Record]:
        """Ask the database, past every line that may be broken, for as long as it is away."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                connection = await asyncpg.connect(self.server.url(), timeout=5)
                try:
                    return await connection.fetch(question, *arguments, timeout=20)
                finally:
                    await connection.close(timeout=1)
            except AWAY:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)

    def stop(self, pids: list[int]) -> None:
        """Stop processes, as a long pause of their machine does."""
        self.stopped.update(pids)
        _signal(pids, signal.SIGSTOP)

    def wake(self, pids: list[int]) -> None:
        """Let stopped processes go on."""
        _signal(pids, signal.SIGCONT)
        self.stopped.difference_update(pids)
        self.woken_at = time.monotonic()

    def heal(self) -> None:
        """Take back every fault that lasts."""
        self.wake(list(self.stopped))
        for line in (self.worker_line, self.api_line):
            line.tell("heal")
        for clock in (self.database_clock, self.worker_clock) if self.can_step else ():
            clock.step(0)
        if self.recorder.process.poll() is not None:
            self.recorder.start()
        self.recorder.behave(drop=0, refuse=0, slow=0.0)
        for marker in STRUCK:
            self.marker(marker).unlink(missing_ok=True)

    def marker(self, strike: str) -> Path:
        """The file that arms one of the failpoints of `STRUCK` for as long as it is there."""
        return self.faults.folder / STRUCK[strike].partition("/after=")[2]

    def end(self) -> list[str]:
        """End all workers in order; says who did not end, or went on without its supervisor."""
        wrong = []
        for post in self.posts:
            try:
                if post.worker is not None:
                    end_worker(post.worker)
            except AssertionError as slow:
                wrong.append(f"{post.name}: {slow}")
        self.posts.clear()
        return wrong


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@asynccontextmanager
async def open_stage(folder: Path, library: Path | None, lease_seconds: float) -> AsyncIterator[Stage]:
    """Set it all up, ready to work; at the end nothing of it is left but the files in `folder`."""
    with ExitStack() as kept:
        stage = _built(kept, folder, library, lease_seconds)
        kept.callback(_clear, stage)
        if library is not None:
            stage.crash_database()
            await stage.restart_database()
        await stage.ask(
            "create table public.effects (job_id uuid not null, lease_no bigint not null, label text not null)"
        )
        await asyncio.gather(*(api.start() for api in stage.apis))
        for post in stage.posts:
            stage.man(post)
        for post in stage.posts:
            await until_ready(post)
        yield stage


async def until_ready(post: Post) -> None:
    """Wait until the worker of a post runs jobs; where others keep the machine busy that takes its time."""
    worker = post.present

    async def ready() -> bool:
        return bool(worker.said("worker.ready"))

    await until(READY_SECONDS, ready, lambda: f"{post.name}: {worker.told()}")


def _built(kept: ExitStack, folder: Path, library: Path | None, lease_seconds: float) -> Stage:
    """Start what the rest stands on, and lay out the posts."""
    (folder / "workers").mkdir()
    (folder / "workers" / "trace.jsonl").touch()
    home = kept.enter_context(scratch_folder(folder / "postgres"))
    server = kept.enter_context(running_server(home, durable=True, changes={"max_connections": "200"}))
    migrate(server.url())
    worker_line, api_line = (kept.enter_context(proxy_process(server.url())) for _ in range(2))
    stage = Stage(
        folder,
        server,
        kept.enter_context(running_recorder(folder)),
        worker_line,
        api_line,
        Clock(server.cluster.home / "clock", library),
        Clock(folder / "clock", library),
        library is not None,
        lease_seconds,
        faults(folder, *STRUCK.values()),
    )
    stage.faults.folder.mkdir()
    stage.posts += [
        Post("worker 1, behind a line", worker_line.url, "default", 2),
        Post("worker 2, with a clock of its own", server.url(), "default", 1, stage.worker_clock),
        Post("worker 3, for poison", server.url(), POISON, 1),
    ]
    stage.apis += [ApiProcess(api_line.url, folder / "api-1.log"), ApiProcess(server.url(), folder / "api-2.log")]
    return stage


def _clear(stage: Stage) -> None:
    """Leave nothing running, whatever state it was in."""
    _signal(list(stage.stopped), signal.SIGCONT)
    workers = [worker.process for worker in stage.started]
    for process in [*workers, *(api.process for api in stage.apis if api.process)]:
        family = [process.pid, *offspring(process.pid)] if process.poll() is None else []
        _signal(family, signal.SIGKILL)
        if family:
            process.wait(20)


def logs(stage: Stage) -> Iterator[Path]:
    """The logs of all workers there were."""
    yield from (stage.folder / "workers").glob("worker-*.log")
