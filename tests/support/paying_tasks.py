"""Tasks whose effect shows in the trace: what a payment is to a bank, each class with its own promise."""

from __future__ import annotations

import asyncio

from easyflow import Context, task
from easyflow.domain.retry import RetryPolicy
from tests.support.tasks import Work, leave_trace

SOON = RetryPolicy(max_attempts=5, first_seconds=0.02, longest_seconds=0.2)


async def pay(ctx: Context, work: Work) -> str:
    async def call(key: str) -> str:
        leave_trace(ctx, "paid", key=key)
        return "paid"

    answer: str = await ctx.effect("pay", call)
    await asyncio.sleep(work.seconds)
    leave_trace(ctx, "end")
    return answer


task("pay.unsafe", effects="unsafe", queue="payments", retry=SOON)(pay)
task("pay.keyed", effects="keyed", queue="payments", retry=SOON)(pay)
task("pay.remembered", effects="keyed", queue="payments", retry=SOON, key_window="1h")(pay)
