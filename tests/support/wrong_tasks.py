"""Tasks for the engine's tests that end in every wrong way: they die, raise, and return what cannot be kept."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from easyflow import Context, Fail, Retry, Snooze, task
from tests.support.tasks import SOON, Kind, TestError, Work, leave_trace


def die_by(kind: str) -> None:
    if kind == "os._exit":
        os._exit(0)
    if kind == "abort":
        os.abort()
    if kind == "segfault":
        ctypes.string_at(0)
    os.kill(os.getpid(), signal.SIGKILL)


@task("test.die", effects="pure", retry=SOON)
async def die(ctx: Context, how: Kind) -> None:
    """Take the process down."""
    leave_trace(ctx, "start")
    die_by(how.kind)


@task("test.die_alone", effects="pure", retry=SOON, isolation="process")
def die_alone(ctx: Context, how: Kind) -> None:
    """Take only the child process down."""
    leave_trace(ctx, "start")
    die_by(how.kind)


@task("test.die_keyed", effects="keyed", retry=SOON, isolation="process")
def die_keyed(ctx: Context, how: Kind) -> None:
    """Take the child process down, perhaps after an act outside."""
    die_by(how.kind)


@task("test.family", effects="pure", retry=SOON, isolation="process", timeout=1.5)
async def family(ctx: Context, work: Work) -> None:
    """Leave a grandchild behind, which lives longer than the job may."""
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])  # noqa: ASYNC220
    leave_trace(ctx, "start", grandchild=grandchild.pid)
    await asyncio.sleep(work.seconds)


class Unprintable(Exception):
    """An error that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Hostile(Exception):
    """An error that fails in every place where one looks at it."""

    @property
    def code(self) -> str:
        raise SystemExit(3)

    def __str__(self) -> str:
        raise KeyboardInterrupt


class Talkative(Exception):
    """An error with attributes that mean something else elsewhere."""

    after = object()
    code = 17


RAISES: dict[str, Callable[[], BaseException]] = {
    "unprintable": Unprintable,
    "hostile": Hostile,
    "talkative": lambda: Talkative("hello"),
    "NUL": lambda: TestError("a\x00b"),
    "lone surrogate": lambda: TestError("a\ud800b"),
    "a long message": lambda: TestError("x" * 5_000_000),
    "SystemExit": lambda: SystemExit(0),
    "KeyboardInterrupt": KeyboardInterrupt,
    "CancelledError": lambda: asyncio.CancelledError("by the handler"),
    "StopIteration": StopIteration,
    "GeneratorExit": GeneratorExit,
    "Fail": lambda: Fail("the card is closed", code="closed"),
    "Snooze for text": lambda: Snooze("a while"),  # type: ignore[arg-type]
    "Retry after nothing sensible": lambda: Retry("odd", after=float("nan")),
}


def raise_it(kind: str) -> None:
    raise RAISES[kind]()


@task("test.raise", effects="pure", retry=SOON, max_attempts=2)
async def raise_async(ctx: Context, wrong: Kind) -> None:
    """Raise in the executor's loop."""
    raise_it(wrong.kind)


@task("test.raise_sync", effects="pure", retry=SOON, max_attempts=2)
def raise_in_thread(ctx: Context, wrong: Kind) -> None:
    """Raise in a thread."""
    raise_it(wrong.kind)


@task("test.raise_process", effects="pure", retry=SOON, max_attempts=2, isolation="process")
async def raise_in_process(ctx: Context, wrong: Kind) -> None:
    """Raise in a process of its own."""
    raise_it(wrong.kind)


RESULTS: dict[str, Callable[[], Any]] = {
    "set": lambda: {1},
    "NaN": lambda: {"rate": float("nan")},
    "infinity": lambda: [float("inf")],
    "NUL": lambda: "a\x00b",
    "lone surrogate": lambda: {"name": "a\ud800b"},
    "too large": lambda: "x" * 2_000_000,
    "too large in bytes": lambda: "é" * 600_000,
    "an object": object,
    "a huge number": lambda: 10**200_000,
    "deep": lambda: _deep(100_000),
    "fine": lambda: {"ok": True},
}


def _deep(levels: int) -> list[Any]:
    deep: list[Any] = []
    for _ in range(levels):
        deep = [deep]
    return deep


@task("test.return", effects="pure", retry=SOON)
async def return_it(ctx: Context, wrong: Kind) -> Any:
    """Return what perhaps cannot be kept."""
    return RESULTS[wrong.kind]()


@task("test.return_process", effects="pure", retry=SOON, isolation="process")
async def return_from_process(ctx: Context, wrong: Kind) -> Any:
    """Return it from a process of its own."""
    return RESULTS[wrong.kind]()
