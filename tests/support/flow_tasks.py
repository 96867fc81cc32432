"""Workflows beside tasks, as a user's module holds them: one that fits, one whose task nobody has."""

from __future__ import annotations

from easyflow import Context, Workflow, task


@task("flows.double", effects="pure")
async def double(ctx: Context, payload: dict[str, int]) -> dict[str, int]:
    """Double a number."""
    return {"n": 2 * payload["n"]}


doubling = Workflow("flows.doubling", description="doubles twice")
once = doubling.step("once", double, input={"n": doubling.input.n})
twice = doubling.step("twice", double, input={"n": once.result.n}, needs=once)
doubling.output({"n": twice.result.n})

orphan = Workflow("flows.orphan")
orphan.step("a", "nobody.has")
