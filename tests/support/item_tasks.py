"""Tasks of runs that hand items over, and tasks that go over them in batches, in every place where handlers run."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text

from easyflow import Context, task
from easyflow.errors import LostClaim
from tests.support.tasks import SOON, leave_trace

KINDS = ("async", "sync", "apart", "transactional")


class Feed(BaseModel):
    """How many items to emit in how many calls; the first attempt may be one that never ends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    items: int = 10
    calls: int = 4
    first: Literal["fine", "endless"] = "fine"

    def chunks(self, ctx: Context) -> Iterator[list[Any]]:
        """What the attempt emits, call by call; a trace says when a call is over."""
        if ctx.lease_no == 1 and self.first == "endless":
            while True:
                yield [{"n": -1}] * 100
                leave_trace(ctx, "emitted")
        size = self.items // self.calls
        for first in range(0, self.items, size):
            yield [{"n": n} for n in range(first, min(first + size, self.items))]


class Item(BaseModel):
    """One item; the first attempt dies over one that says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n: int
    dies: bool = False


class Batch(BaseModel):
    """Items of a map."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    items: list[Item]


async def feed(ctx: Context, payload: Feed) -> None:
    leave_trace(ctx, "start", run=str(ctx.run_id))
    try:
        for chunk in payload.chunks(ctx):
            await ctx.emit(chunk)
    except LostClaim:
        leave_trace(ctx, "lost")
        raise


def feed_in_thread(ctx: Context, payload: Feed) -> None:
    leave_trace(ctx, "start", run=str(ctx.run_id))
    for chunk in payload.chunks(ctx):
        ctx.emit(chunk)


def judged(ctx: Context, batch: Batch) -> list[Any]:
    """The double of each number; of a hundred the last is bad."""
    assert ctx.items == len(batch.items)
    if ctx.lease_no == 1 and any(item.dies for item in batch.items):
        os.kill(os.getpid(), signal.SIGKILL)
    results: list[Any] = []
    for position, item in enumerate(batch.items):
        if item.n % 100 == 99:
            ctx.fail_item(position, f"{item.n} is bad")
        results.append({"double": item.n * 2})
    return results


async def judge(ctx: Context, batch: Batch) -> list[Any]:
    return judged(ctx, batch)


def judge_in_thread(ctx: Context, batch: Batch) -> list[Any]:
    return judged(ctx, batch)


async def judge_in_transaction(ctx: Context, batch: Batch) -> list[Any]:
    await ctx.session.execute(text("select 1"))
    return judged(ctx, batch)


for _name, _async, _sync, _fenced in (
    ("feed", feed, feed_in_thread, feed),
    ("judge", judge, judge_in_thread, judge_in_transaction),
):
    task(f"test.{_name}_async", effects="pure", retry=SOON)(_async)
    task(f"test.{_name}_sync", effects="pure", retry=SOON)(_sync)
    task(f"test.{_name}_apart", effects="pure", retry=SOON, isolation="process")(_async)
    task(f"test.{_name}_transactional", effects="transactional", retry=SOON)(_fenced)
