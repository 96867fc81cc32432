"""The check of the data sees each way in which a run can disagree with its steps, jobs and items."""

from __future__ import annotations

import pytest

from easyflow.storage.conservation import check_data
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.factories import DONE, FAILED
from tests.support.runs import begin, step, work, workflow


async def crowd(database: Connection) -> None:
    """Runs in many states, all of them right."""
    await begin(database, workflow(step("a"), step("b", "a"), name="live"))
    await begin(database, workflow(step("ok", wait_for_signal={"signal": "go"}), name="waiting"))
    each = step("each", map={"items": "${input.all}", "tolerated_failures": 1})
    await begin(database, workflow(each, step("after", "each"), name="map"), {"all": [1, 2, 3]})
    undo = {"compensate_with": {"task": "work", "input": {}}}
    await begin(database, workflow(step("paid", **undo), step("bad", "paid"), name="saga"))
    await work(database, {"bad": FAILED, "each": lambda name, n: FAILED if n == 2 else DONE})
    await begin(database, workflow(step("a"), step("b", "a"), name="later"))


async def kinds(database: Connection) -> set[str]:
    return {each.kind for each in (await check_data(database)).breaches}


async def test_runs_that_went_their_way_are_right(connect: Connect) -> None:
    database = await connect()
    await crowd(database)
    assert await kinds(database) == set()


@pytest.mark.parametrize(
    ("kind", "planted"),
    [
        ("halted", "delete from easyflow.run_steps where state = 'RUNNING'"),
        ("disagreeing", "update easyflow.run_steps set state = 'SUCCEEDED', finished_at = easyflow.clock()"
                        " where state = 'RUNNING'"),
        ("disagreeing", "update easyflow.run_steps set state = 'RUNNING', finished_at = null"
                        " where state = 'SUCCEEDED' and job_id is not null"),
        ("unproven", "update easyflow.run_steps set state = 'SUCCEEDED' where state = 'FAILED'"),
        ("miscounted", "update easyflow.run_steps set failed = 0 where failed = 1"),
        ("miscounted", "delete from easyflow.run_outcomes where item_no = 0"),
        ("unended", "update easyflow.runs set state = 'SUCCEEDED', finished_at = easyflow.clock()"
                    " where workflow = 'waiting'"),
    ],
)  # fmt: skip
async def test_what_is_planted_is_found(connect: Connect, kind: str, planted: str) -> None:
    database = await connect()
    await crowd(database)
    await database.execute(planted)
    assert kind in await kinds(database)
