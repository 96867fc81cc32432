"""Tasks with effects outside of the database: what really happened there is in the trace."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from easyflow import Context, DidNotHappen, Happened, Unknown, task
from easyflow.context import Effect
from easyflow.domain.retry import RetryPolicy
from tests.support.tasks import leave_trace

SOON = RetryPolicy(max_attempts=3, first_seconds=0.02, longest_seconds=0.1)


class Charge(BaseModel):
    """What to charge, and what befalls the first attempt on its way."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    amount: int = 1
    first: Literal["fine", "die_before", "die_after", "breaks", "refused", "hangs", "swallows", "other", "forgets"] = (
        "fine"
    )
    answer: Literal["happened", "did_not_happen", "unknown", "nonsense"] = "happened"
    effects: int = 1


class Receipt(BaseModel):
    """What the bank says."""

    number: int
    key: str


def perform(ctx: Context, charge: Charge, key: str) -> Receipt:
    """Charge at the bank; what happened stands in the trace, whatever becomes of us."""
    first = charge.first if ctx.lease_no == 1 else "fine"
    if first == "refused":
        raise DidNotHappen("the bank says no")
    if first == "die_before":
        os.kill(os.getpid(), signal.SIGKILL)
    leave_trace(ctx, "charged", key=key, amount=charge.amount)
    if first == "die_after":
        os.kill(os.getpid(), signal.SIGKILL)
    if first in ("breaks", "swallows", "forgets"):
        raise ConnectionResetError("the line broke")
    return Receipt(number=ctx.lease_no, key=key)


async def perform_slowly(ctx: Context, charge: Charge, key: str) -> Receipt:
    receipt = perform(ctx, charge, key)
    if charge.first == "hangs" and ctx.lease_no == 1:
        await asyncio.sleep(60)
    return receipt


def look_up(ctx: Context, effect: Effect) -> Any:
    """Answer as the payload's author wants; the question stands in the trace."""
    leave_trace(ctx, "asked", key=effect.key, fence=effect.fence)
    answers = {
        "happened": Happened(Receipt(number=0, key=effect.key)),
        "did_not_happen": DidNotHappen("no such charge"),
        "unknown": Unknown("try again tomorrow"),
    }
    return answers.get(ctx.state.answer)


async def charge_async(ctx: Context, charge: Charge) -> dict[str, Any]:
    leave_trace(ctx, "start")
    ctx.state.answer = charge.answer
    receipts = []
    for n in range(charge.effects if charge.first != "forgets" or ctx.lease_no == 1 else 0):
        request = {"amount": charge.amount, "n": n, "differs": charge.first == "other" and ctx.lease_no > 1}
        try:
            receipts.append(
                await ctx.effect(
                    "charge", lambda key: perform_slowly(ctx, charge, key), request=request, returns=Receipt
                )
            )
        except ConnectionResetError:
            if charge.first != "swallows":
                raise
    if charge.first == "other" and ctx.lease_no == 1:
        raise TimeoutError("behind the effect")
    leave_trace(ctx, "end")
    return {"receipts": receipts}


def charge_in_thread(ctx: Context, charge: Charge) -> dict[str, Any]:
    leave_trace(ctx, "start")
    receipt = ctx.effect("charge", lambda key: perform(ctx, charge, key), returns=Receipt)
    leave_trace(ctx, "end")
    return {"receipts": [receipt]}


for _effects in ("keyed", "unsafe"):
    task(f"test.charge_{_effects}", effects=_effects, retry=SOON, timeout=4)(charge_async)
    task(f"test.charge_{_effects}_sync", effects=_effects, retry=SOON, timeout=4)(charge_in_thread)
    task(f"test.charge_{_effects}_apart", effects=_effects, retry=SOON, timeout=6, isolation="process")(charge_async)
task("test.charge_queryable", effects="queryable", reconcile=look_up, retry=SOON, timeout=4)(charge_async)
task("test.charge_forgetful", effects="keyed", key_window=0.01, retry=SOON, timeout=4)(charge_async)


@task("test.note_unsafe", effects="unsafe", retry=SOON, timeout=3)
async def note(ctx: Context, charge: Charge) -> dict[str, Any]:
    """Do something that answers nothing."""
    leave_trace(ctx, "start")

    async def send(key: str) -> None:
        await perform_slowly(ctx, charge, key)

    return {"noted": await ctx.effect("note", send)}
