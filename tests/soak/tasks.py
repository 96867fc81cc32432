"""The one task that the laboratory has in another form: queryable, at a receiver that refuses late calls."""

from __future__ import annotations

import os
from typing import Any

from easyflow import Context, task
from tests.support.effects import perform
from tests.support.lab_tasks import PATIENT, RECORDER, Lab, ask


@task("soak.queryable", effects="queryable", reconcile=ask, retry=PATIENT, timeout=20)
async def queryable(ctx: Context, lab: Lab) -> Any:
    """Do it at a receiver that can be asked, and that keeps the highest fence it has seen.

    Without the fence, a process that is stopped in the middle of its call and woken when another attempt has asked and
    acted would make it two: asking alone cannot see what is still on its way.
    """

    async def call(key: str) -> Any:
        how = {"mode": "fence", "drop": lab.drop, "refuse": lab.refuse, "slow": lab.seconds}
        return await perform(os.environ[RECORDER], key, fence=ctx.lease_no, name="lab", job_id=ctx.job_id, **how)

    return await ctx.effect("lab", call)
