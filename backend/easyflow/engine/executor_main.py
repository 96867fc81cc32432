"""The process of an executor: started by its supervisor, told what to do over its standard input."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import uvloop

from easyflow.domain.states import Effects
from easyflow.engine import channel
from easyflow.engine.connection import HeldConnection
from easyflow.engine.executor import Executor, Identity
from easyflow.engine.isolated import Isolation
from easyflow.engine.lifespans import opened
from easyflow.engine.marks import Marks
from easyflow.engine.parent import die_with_parent, exit_after_parent
from easyflow.engine.progress import ProgressWriter
from easyflow.engine.workflows import announce_workflows
from easyflow.errors import EasyFlowError, Misconfigured
from easyflow.failpoints import arm
from easyflow.observability import record
from easyflow.observability.logging import configure
from easyflow.registry import TaskType, load
from easyflow.settings import Settings, settings
from easyflow.storage.database import open_engine
from easyflow.storage.notifications import ChangeBell, Topic
from easyflow.storage.queues import QueueSettings
from easyflow.storage.tasks import TaskRow, register

EXIT_MISCONFIGURED = 78
IDLE_SLACK_SECONDS = 10.0
# Less than the second a worker may be quiet: the pipe costs little, and the two waits add up for who looks on.
PIPE_QUIET_SECONDS = 0.2


async def run(orders: dict[str, Any], known: Settings, told: int) -> None:
    """Load the tasks, announce them, then run jobs until told to drain or the supervisor is gone."""
    identity = Identity(
        UUID(orders["executor_id"]),
        UUID(orders["worker_id"]),
        orders["executors"],
        orders["concurrency"],
        orders["modules"],
    )
    tasks = load(identity.modules)
    marks = Marks(orders["marks_fd"], orders["marks_slots"])
    await _announce(known, tasks)
    idle_limit = max((t.timeout_seconds for t in tasks.values() if t.effects is Effects.TRANSACTIONAL), default=30.0)
    engine = open_engine(known.direct_url, known.transactional_concurrency, idle_limit + IDLE_SLACK_SECONDS)
    async with opened() as state:
        changes = _bell_by(orders["status_fd"])
        died_alone = partial(_tell_death, orders["status_fd"])
        door = _door(orders["door_fd"])
        isolation = Isolation(identity.executor_id, identity.modules, known.result_bytes, door, died_alone)
        executor = Executor(identity, known, tasks, marks, engine, changes.ring, isolation)
        executor.state = SimpleNamespace(**state)
        progress = ProgressWriter(known.direct_url, executor.running, changes.ring)
        loops = [
            asyncio.create_task(loop())
            for loop in (executor.finisher.run, executor.claimer.run, executor.watch_deadlines, progress.run)
        ]
        channel.say(orders["status_fd"], {"ready": True, "tasks": sorted(tasks)})
        grace = await _obey(executor, known, loops, told)
        await executor.drain(loops[1], grace)
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await executor.close()
        await changes.close()
    await engine.dispose()


def _door(descriptor: int) -> socket.socket:
    """Take the fork server's door; no program that a handler starts inherits it."""
    door = socket.socket(fileno=descriptor)
    door.set_inheritable(False)
    return door


def _bell_by(descriptor: int) -> ChangeBell:
    """Make a bell that the supervisor hears: it passes on, once for all its executors, what they changed."""

    async def send(topics: frozenset[Topic]) -> None:
        channel.say(descriptor, {"changed": sorted(topics)})

    return ChangeBell(send, PIPE_QUIET_SECONDS)


def _tell_death(descriptor: int, task: str) -> None:
    """Tell the supervisor that a job of this task has taken down a process in which it was alone."""
    channel.say(descriptor, {"died_alone": task})


async def _announce(known: Settings, tasks: dict[str, TaskType]) -> None:
    """Register the tasks and the workflows, waiting for the database if it is away."""
    held = HeldConnection(known.direct_url, "easyflow register")
    await register(await held.get(), [row_of(task) for _, task in sorted(tasks.items())])
    await announce_workflows(held.lent)
    await held.close()


def row_of(task: TaskType) -> TaskRow:
    """Return a task as the database keeps it."""
    return TaskRow(
        name=task.name,
        effects=task.effects,
        queue=task.queue,
        max_attempts=task.retry.max_attempts,
        timeout_seconds=task.timeout_seconds,
        isolation=task.isolation,
        code_digest=task.code_digest,
        description=(task.handler.__doc__ or "").strip().split("\n")[0],
        payload_schema=task.payload_schema(),
        result_schema=task.result_schema(),
        key_window_seconds=task.key_window_seconds,
    )


async def _obey(executor: Executor, known: Settings, loops: list[asyncio.Task[None]], told: int) -> float:
    """Follow the supervisor's messages, read from `told`; returns the grace period once it is time to drain.

    When the pipe closes the supervisor is gone and nobody renews the lease: what runs gets the lease's length to end.
    """
    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    stream = await channel.reader_of(os.fdopen(told, "rb"))

    async def follow() -> float:
        async for message in channel.messages(stream):
            # Before the queues: nothing is claimed that was not compared.
            if "timeline" in message and executor.guard.hear(message):
                executor.wake()
            if "queues" in message:
                executor.serve(QueueSettings(tuple(message["queues"]["open"]), tuple(message["queues"]["limited"])))
            if "held" in message:
                executor.disown(message["held"])
            if "cancel" in message:
                executor.cancel({UUID(job_id) for job_id in message["cancel"]})
            if "apart" in message:
                executor.isolation.quarantined = frozenset(message["apart"])
            if "wake" in message:
                executor.wake()
            if "drain" in message:
                return float(message["drain"])
        return known.lease_seconds

    following = asyncio.ensure_future(follow())
    stopping = asyncio.ensure_future(terminated.wait())
    await asyncio.wait([following, stopping, *loops], return_when=asyncio.FIRST_COMPLETED)
    for loop in loops:
        if loop.done():
            loop.result()
    stopping.cancel()
    return following.result() if following.done() else min(known.drain_grace_seconds, known.lease_seconds)


def _take_input() -> int:
    """Move the supervisor's messages away from standard input, where a program that a handler starts would read them.

    Returns the descriptor they now come from; no such program inherits it.
    """
    told = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return told


def main() -> None:
    """Run as a child of the supervisor; exit status 78 means that the configuration or the user's code is wrong."""
    orders = json.loads(sys.argv[1])
    told = _take_input()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(signal.SIGTERM)
    try:
        known = settings()
        configure(known.log_format)
        arm(known)
        exit_after_parent(known.lease_seconds + known.drain_grace_seconds)
        uvloop.run(run(orders, known, told))
    except Misconfigured as wrong:
        channel.say(orders["status_fd"], {"fatal": wrong.message})
        os._exit(EXIT_MISCONFIGURED)
    except EasyFlowError as failed:
        channel.say(orders["status_fd"], {"error": failed.message})
        os._exit(1)
    except BaseException as crashed:
        # Not by way of the interpreter's own end: that waits for every thread a handler runs in.
        record.loop_failed("executor", crashed)
        os._exit(1)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
