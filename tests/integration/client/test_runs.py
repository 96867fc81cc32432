"""Workflows and runs with either client, over a real socket."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from easyflow.client import Refused, RunFailed, RunTimedOut
from easyflow.domain import outcome
from easyflow.errors import Invalid
from easyflow.storage.sql import Connection
from easyflow.storage.tasks import register
from tests.support.api import task_row
from tests.support.api_process import losing_answers
from tests.support.command_line import running_worker
from tests.support.either_client import EitherClient, Kind, either_client
from tests.support.runs import TASK, begin, said, step, work, workflow

BAD = outcome.Failed("attempts exhausted", outcome.Fault("ValueError", "no such account"))
TWO = workflow(step("a"), step("b", "a"), output="${steps.a.result}")
WAITING = workflow(step("hold", wait_for_signal={"signal": "go"}), step("b", "hold"))


class Claim(BaseModel):
    """An input as its author writes it."""

    policy: str
    amount: Decimal


@pytest.fixture(autouse=True)
async def known(database: Connection) -> None:
    """A worker has announced the task of the steps, too."""
    await register(database, [task_row(TASK)])


async def count(connection: Connection, table: str) -> int:
    counted: int = await connection.fetchval(f"select count(*) from easyflow.{table}")
    return counted


async def test_a_workflow_is_registered_started_and_waited_for(client: EitherClient, database_url: str) -> None:
    hello = workflow(
        step("each", task="demo.echo", map={"items": "${input.words}"}, input={"message": "${item}"}),
        output={"said": "${steps.each.result.succeeded}", "n": "${input.n}"},
    )
    async with running_worker(database_url):
        registered = await client("register_workflow", hello)
        assert (registered.name, registered.version, registered.new) == ("w", 1, True)
        n = Decimal("0.1000000000000000055511151231257827021")
        started = await client("start_run", "w", {"words": ["x", "y"], "n": n}, tags=("red",))
        run = await client("wait_run", started.id, 30)
    assert (run.output, run.tags, run.steps[0].state) == ({"said": 2, "n": n}, ["red"], "SUCCEEDED")
    items = await client("list_items", run.id, "each")
    assert [(each.number, each.item, each.result) for each in items] == [
        (0, "x", {"message": "x"}),
        (1, "y", {"message": "y"}),
    ]
    assert await client("list_items", run.id, "each", state="FAILED") == []


async def test_a_definition_that_does_not_fit_is_refused_with_its_places(client: EitherClient) -> None:
    with pytest.raises(Refused, match="no worker has registered the task wrok") as refused:
        await client("register_workflow", workflow(step("a", task="wrok")))
    assert [each.at for each in refused.value.problems] == ["steps.a.task"]


async def test_everything_a_start_can_say_arrives(client: EitherClient) -> None:
    for definition in (TWO, WAITING):
        await client("register_workflow", definition)
    given = Claim(policy="p1", amount=Decimal("1.10"))
    first = await client("start_run", "w", given, version=1, tags=["b", "a"], idempotency_key="schlüssel")
    again = await client("start_run", "w", given, version=1, tags=["b", "a"], idempotency_key="schlüssel")
    assert (first.existing, again.existing, again.id) == (False, True, first.id)
    run = await client("get_run", first.id)
    assert (run.version, run.tags, run.input) == (1, ["a", "b"], {"policy": "p1", "amount": "1.10"})
    with pytest.raises(Refused) as other:
        await client("start_run", "w", {}, idempotency_key="schlüssel")
    assert other.value.code == "idempotency_key_reused"
    with pytest.raises(Invalid, match="input"):
        await client("start_run", "w", {1, 2})
    assert (await client("get_run", (await client("start_run", "w")).id)).input == {}


async def test_a_run_that_fails_or_takes_long_is_told_with_its_steps(
    client: EitherClient, database: Connection
) -> None:
    run_id = str((await begin(database, TWO)).id)
    with pytest.raises(RunTimedOut, match="is still RUNNING: a is RUNNING") as late:
        await client("wait_run", run_id, 0.05)
    assert late.value.run.steps[1].state == "BLOCKED"
    await work(database, {"a": BAD})
    with pytest.raises(RunFailed, match="is FAILED: step a failed: no such account") as failed:
        await client("wait_run", run_id, 10)
    assert failed.value.run.steps[0].reason == "no such account"
    assert (await client("resume_run", run_id, reason="it is there now")).state == "RUNNING"
    await work(database, {"a": said({"n": 1})})
    assert (await client("wait_run", run_id, 10)).output == {"n": 1}


async def test_runs_are_listed_over_all_pages(client: EitherClient, database: Connection) -> None:
    made = [str((await begin(database, WAITING, tags=("red",))).id) for _ in range(5)]
    other = str((await begin(database, {**TWO, "name": "two"})).id)
    assert [run.id for run in await client("list_runs", page_size=2)] == [other, *made[::-1]]
    found = await client("list_runs", workflow="w", tag="red", state="RUNNING", page_size=3)
    assert [run.id for run in found] == made[::-1]
    assert [job.step for job in await client("list_jobs", run_id=other)] == ["a"]


async def test_acts_on_a_run(client: EitherClient, database: Connection) -> None:
    run_id = str((await begin(database, WAITING)).id)
    assert (await client("pause_run", run_id, reason="a check")).state == "PAUSED"
    assert (await client("resume_run", run_id)).state == "RUNNING"
    await client("signal_run", run_id, "go", {"ok": True}, reason="fine")
    with pytest.raises(Refused, match="came before") as second:
        await client("signal_run", run_id, "go", {"ok": False})
    assert second.value.status == 409
    assert (await client("get_run", run_id)).steps[0].result == {"ok": True}
    cancelled = await client("cancel_run", run_id, reason="enough", compensate=False)
    assert cancelled.stopping == "CANCELLED"
    assert (await client("get_run", run_id)).state == "CANCELLED"
    with pytest.raises(Refused) as gone:
        await client("get_run", "01a00000-0000-7000-8000-000000000000")
    assert gone.value.status == 404


ACTS: dict[str, tuple[Any, ...]] = {"start_run": ("w", {}), "signal_run": ("go", 1), "cancel_run": ()}


@pytest.mark.parametrize("act", ACTS)
async def test_what_loses_its_answer_is_done_once(kind: Kind, api_url: str, database: Connection, act: str) -> None:
    run_id = str((await begin(database, WAITING)).id)
    words = ACTS[act] if act == "start_run" else (run_id, *ACTS[act])
    async with (
        losing_answers(api_url, lambda asked, number: number == 1) as way,
        either_client(kind, way.url("")) as careful,
    ):
        await careful(act, *words)
        assert len(way.asked) == 2
    assert await count(database, "runs") == (2 if act == "start_run" else 1)
    assert await count(database, "audit") == (0 if act == "start_run" else 1)
