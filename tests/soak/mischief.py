"""Each kind of fault: it strikes, lasts as long as it lasts, and is taken back; it says whom it met, or None."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import Any

from easyflow.failpoints import Point
from tests.soak.clock import Clock
from tests.soak.stage import STRUCK, Post, Stage, until_ready
from tests.support.night import offspring
from tests.support.proxy import ProxyProcess
from tests.support.waiting import until
from tests.support.worker import command_line

Mischief = Callable[[Stage, Random], Awaitable[str | None]]

BACKENDS = """
    select pid, application_name as name from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
"""
NAMED = ("claim_jobs", "finish_jobs", "open_effects", "close_effects", "renew_leases")
WAIT_SECONDS = 8.0
_EXECUTOR = re.compile(r'"executor_id": "([0-9a-f-]{36})"')


async def kill_executor(stage: Stage, chance: Random) -> str | None:
    """Kill one executor; its supervisor starts another."""
    running = [pid for post in stage.posts for pid in post.present.executors()]
    if not running:
        return None
    pid = chance.choice(running)
    whose = _ids([pid])
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return f"{whose} (pid {pid})"
    return None


async def kill_supervisor(stage: Stage, chance: Random) -> str | None:
    """Kill one supervisor; another worker is started in its place."""
    post = chance.choice(stage.posts)
    whose = _ids(post.present.executors())
    post.present.process.kill()
    return f"{post.name}, with {whose}"


async def kill_api(stage: Stage, chance: Random) -> str | None:
    """Kill one API; it is started again."""
    api = chance.choice(stage.apis)
    if api.process is None or api.process.poll() is not None:
        return None
    api.process.kill()
    return api.url


async def crash_database(stage: Stage, chance: Random) -> str | None:
    """Stop PostgreSQL without any order, leave it away for a while, and start it again."""
    stage.crash_database()
    await asyncio.sleep(chance.uniform(0.1, 2.5))
    await stage.restart_database()
    return "PostgreSQL, stop -m immediate"


async def end_backends(stage: Stage, chance: Random) -> str | None:
    """End some connections from the server's side."""
    there = await stage.ask(BACKENDS)
    return await _end(stage, chance.sample(there, min(len(there), chance.randint(1, 5))))


async def end_listeners(stage: Stage, chance: Random) -> str | None:
    """End the connections over which leases are renewed and wake-up calls heard."""
    there = await stage.ask(BACKENDS)
    return await _end(stage, [each for each in there if each["name"] == "easyflow lease"])


async def stop_and_wake(stage: Stage, chance: Random) -> str | None:
    """Stop a whole worker past its lease, and let it go on as if nothing was."""
    post = chance.choice(stage.healthy())
    family = [post.present.pid, *offspring(post.present.pid)]
    stage.stop(family)
    await asyncio.sleep(stage.lease_seconds * chance.uniform(2, 4))
    stage.wake(family)
    return f"{post.name}: {len(family)} processes"


async def stop_supervisor(stage: Stage, chance: Random) -> str | None:
    """Stop a supervisor past the lease it renews, while its executors go on, and wake it."""
    post = chance.choice(stage.healthy())
    stage.stop([post.present.pid])
    await asyncio.sleep(stage.lease_seconds * chance.uniform(1.5, 3))
    stage.wake([post.present.pid])
    return post.name


async def cut(stage: Stage, chance: Random) -> str | None:
    """Break every connection of a line."""
    name, line = _line(stage, chance)
    return name if line.tell("cut")["connections"] >= 0 else None


async def silence_worker(stage: Stage, chance: Random) -> str | None:
    """Let a worker's line carry nothing past its lease; what was sent meanwhile then arrives, too late."""
    line = ("the line of worker 1", stage.worker_line)
    return await _for_a_while(*line, stage.lease_seconds * chance.uniform(1.5, 4), "blackhole")


async def silence_api(stage: Stage, chance: Random) -> str | None:
    """Let an API's line carry nothing for some seconds, and then what was sent meanwhile."""
    return await _for_a_while("the line of API 1", stage.api_line, chance.uniform(0.5, 4), "blackhole")


async def delay(stage: Stage, chance: Random) -> str | None:
    """Slow a line down."""
    return await _for_a_while(*_line(stage, chance), 3.0, "delay", seconds=chance.uniform(0.05, 0.3))


async def swallow_commit(stage: Stage, chance: Random) -> str | None:
    """Lose the answer to a COMMIT, and then the connection."""
    return await _swallow(*_line(stage, chance), "COMMIT", chance)


async def swallow_statement(stage: Stage, chance: Random) -> str | None:
    """Lose the answer to a statement of the engine that commits by itself, or inside its transaction."""
    return await _swallow("the line of worker 1", stage.worker_line, chance.choice(NAMED), chance)


async def strike_at(name: str, stage: Stage, chance: Random) -> str | None:
    """Let one failpoint strike whoever comes by first, and those who come by before it is disarmed."""
    point = Point[name.split()[0]]
    before = len(stage.faults.strikes(point))
    marker = stage.marker(name)
    marker.touch()
    try:
        with contextlib.suppress(AssertionError):
            await stage.faults.until_struck(point, before + 1, WAIT_SECONDS)
    finally:
        marker.unlink(missing_ok=True)
    struck = stage.faults.strikes(point)[before:]
    return ", ".join(f"pid {each.pid}" for each in struck) or None


async def annoy_recorder(stage: Stage, chance: Random) -> str | None:
    """Have the receiver be slow, drop answers, refuse, or die and come back."""
    way = chance.choice(("slow", "drop", "refuse", "dead"))
    if way == "dead":
        stage.recorder.kill()
        await asyncio.sleep(chance.uniform(0.1, 1.5))
        stage.recorder.start()
    elif way == "slow":
        stage.recorder.behave(slow=chance.uniform(0.3, 1.5))
        await asyncio.sleep(3)
        stage.recorder.behave(slow=0.0)
    else:
        stage.recorder.behave(**{way: chance.randint(1, 4)})
    return f"the recorder: {way}"


async def step_database_clock(stage: Stage, chance: Random) -> str | None:
    """Let the database's clock jump, and jump back."""
    return await _step(stage.database_clock, "PostgreSQL", chance)


async def step_worker_clock(stage: Stage, chance: Random) -> str | None:
    """Let a worker's clock jump, and jump back."""
    return await _step(stage.worker_clock, "worker 2", chance)


async def deploy(stage: Stage, chance: Random) -> str | None:
    """Start a new worker beside one that is told to end, as a rolling deployment does."""
    post = chance.choice(stage.posts)
    old = post.present
    stage.man(post)
    with contextlib.suppress(TimeoutError):  # it is slow today: the deployment goes on all the same
        async with asyncio.timeout(20):
            await until_ready(post)
    if old.process.poll() is None:
        old.send(signal.SIGTERM)
    await _until_ended(old.process.poll, post, offspring(old.pid))
    return post.name


async def _until_ended(poll: Callable[[], int | None], post: Post, family: list[int]) -> None:
    async def ended() -> bool:
        return poll() is not None

    await until(30, ended, lambda: f"{post.name} was told to end and did not: {family}")


async def _end(stage: Stage, backends: list[Any]) -> str | None:
    if not backends:
        return None
    await stage.ask("select pg_terminate_backend(pid) from unnest($1::int[]) as pid", [b["pid"] for b in backends])
    return ", ".join(f"{backend['name'] or 'no name'} {backend['pid']}" for backend in backends)


def _ids(pids: list[int]) -> str:
    """Return the ids of executors, as they were started with them."""
    return " ".join(f"executor {found[1]}" for pid in pids if (found := _EXECUTOR.search(command_line(pid))))


def _line(stage: Stage, chance: Random) -> tuple[str, ProxyProcess]:
    lines = {"the line of worker 1": stage.worker_line, "the line of API 1": stage.api_line}
    name = chance.choice(sorted(lines))
    return name, lines[name]


async def _for_a_while(name: str, line: ProxyProcess, lasts: float, act: str, **facts: float) -> str:
    line.tell(act, **facts)
    await asyncio.sleep(lasts)
    line.tell("heal")
    return name


async def _swallow(name: str, line: ProxyProcess, what: str, chance: Random) -> str | None:
    """Wait until it is done; nothing is left ordered behind this."""
    before = line.tell("state")["swallowed"].get(what, 0)
    line.tell("swallow", what=what, then=chance.choice(("cut", "silence")))

    async def done() -> bool:
        return bool(line.tell("state")["swallowed"].get(what, 0) > before)

    try:
        with contextlib.suppress(AssertionError):
            await until(WAIT_SECONDS, done)
        await asyncio.sleep(chance.uniform(0, 2))
    finally:
        struck = line.tell("heal")["swallowed"].get(what, 0) > before
    return f"{what} on {name}" if struck else None


async def _step(clock: Clock, whose: str, chance: Random) -> str | None:
    seconds = chance.choice((-1, 1)) * chance.choice((2, 5, 20))
    clock.step(seconds)
    await asyncio.sleep(chance.uniform(2, 4))
    clock.step(0)
    await asyncio.sleep(1.2)
    return f"{whose}: {seconds:+} s and back"


KILLS = ("kill an executor", "kill a supervisor")
DATABASE_CLOCK = "step the database's clock"
CLOCKS = {DATABASE_CLOCK: step_database_clock, "step a worker's clock": step_worker_clock}
ALL: dict[str, Mischief] = {
    "kill an executor": kill_executor,
    "kill a supervisor": kill_supervisor,
    "kill an API": kill_api,
    "crash PostgreSQL": crash_database,
    "end backends": end_backends,
    "end the listeners": end_listeners,
    "stop a worker past its lease and wake it": stop_and_wake,
    "stop a supervisor past its lease and wake it": stop_supervisor,
    "cut a line": cut,
    "silence a worker's line past its lease": silence_worker,
    "silence an API's line": silence_api,
    "delay a line": delay,
    "lose the answer to a COMMIT": swallow_commit,
    "lose the answer to a statement": swallow_statement,
    **{f"{name} at a failpoint": partial(strike_at, name) for name in STRUCK},
    "a difficult receiver": annoy_recorder,
    **CLOCKS,
    "drain and replace a worker": deploy,
}
# Drawn more often than others: these alone have a late writer meet the one that took over.
ZOMBIES = (
    "stop a worker past its lease and wake it",
    "stop a supervisor past its lease and wake it",
    "silence a worker's line past its lease",
)
