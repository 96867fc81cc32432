"""One task of each effect class for the laboratory: what they do outside stands at the recorder, whoever dies."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text

from easyflow import Context, DidNotHappen, Happened, task
from easyflow.context import Effect
from easyflow.domain.retry import RetryPolicy
from tests.support.effects import look_up, perform

RECORDER = "EASYFLOW_LAB_RECORDER"
CLASSES = ("pure", "transactional", "keyed", "queryable", "unsafe")
OUTSIDE = ("keyed", "queryable", "unsafe")
PATIENT = RetryPolicy(max_attempts=20, first_seconds=0.05, longest_seconds=0.3)
# Only what is declared as keyed relies on a receiver that knows a key again.
MANNERS = {"keyed": "dedup", "queryable": "plain", "unsafe": "plain"}
INSERT = text("insert into public.effects (job_id, lease_no, label) values (:job_id, :lease_no, 'lab')")


class Lab(BaseModel):
    """How long to be in the middle of it, and how often the receiver answers nothing after it has acted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float = 0.0
    drop: int = 0
    refuse: int = 0


async def act(ctx: Context, lab: Lab, effects: str) -> Any:
    """Do the one effect of the job."""

    async def call(key: str) -> Any:
        how = {"mode": MANNERS[effects], "drop": lab.drop, "refuse": lab.refuse, "slow": lab.seconds}
        return await perform(os.environ[RECORDER], key, fence=ctx.lease_no, name="lab", job_id=ctx.job_id, **how)

    return await ctx.effect("lab", call)


@task("lab.pure", effects="pure", retry=PATIENT, timeout=20)
async def pure(ctx: Context, lab: Lab) -> str:
    """Do nothing outside."""
    await asyncio.sleep(lab.seconds)
    return "done"


@task("lab.transactional", effects="transactional", retry=PATIENT, timeout=20)
async def transactional(ctx: Context, lab: Lab) -> str:
    """Write one row in the job's own transaction."""
    await ctx.session.execute(INSERT, {"job_id": ctx.job_id, "lease_no": ctx.lease_no})
    await asyncio.sleep(lab.seconds)
    return "done"


@task("lab.keyed", effects="keyed", retry=PATIENT, timeout=20)
async def keyed(ctx: Context, lab: Lab) -> Any:
    """Do it at a receiver that knows our key again."""
    return await act(ctx, lab, "keyed")


async def ask(ctx: Context, effect: Effect) -> Any:
    """Ask the receiver what became of an effect."""
    receipt = await look_up(os.environ[RECORDER], effect.key)
    return DidNotHappen("the recorder knows nothing of it") if receipt is None else Happened(receipt)


@task("lab.queryable", effects="queryable", reconcile=ask, retry=PATIENT, timeout=20)
async def queryable(ctx: Context, lab: Lab) -> Any:
    """Do it at a receiver that can be asked."""
    return await act(ctx, lab, "queryable")


@task("lab.unsafe", effects="unsafe", retry=PATIENT, timeout=20)
async def unsafe(ctx: Context, lab: Lab) -> Any:
    """Do it at a receiver that does whatever it is told, each time."""
    return await act(ctx, lab, "unsafe")
