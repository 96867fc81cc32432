"""`easyflow runs`, and `easyflow workflow register`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from easyflow.api import run_shapes
from easyflow.api.shapes import reply
from easyflow.cli.connection import actor
from easyflow.domain import outcome
from easyflow.storage.runs import acts
from easyflow.storage.runs.read import read_run
from easyflow.storage.sql import Connection
from easyflow.storage.tasks import register
from tests.integration.cli.conftest import Easyflow
from tests.support.api import task_row
from tests.support.command_line import running_worker
from tests.support.runs import TASK, begin, claim_all, said, states, step, work, workflow
from tests.support.waiting import until

BAD = outcome.Failed("attempts exhausted", outcome.Fault("ValueError", "no such account"))
TWO = workflow(step("a"), step("b", "a"), output="${steps.b.result}")
WAITING = workflow(
    step("hold", wait_for_signal={"signal": "go", "schema": {"type": "object"}}), step("b", "hold"), name="waiting"
)


@pytest.fixture(autouse=True)
async def known(database: Connection) -> None:
    """A worker has announced the task of the steps, too."""
    await register(database, [task_row(TASK)])


def written(definition: dict[str, Any], folder: Path) -> str:
    file = folder / "workflow.json"
    file.write_text(json.dumps(definition))
    return str(file)


async def registered(easyflow: Easyflow, definition: dict[str, Any], folder: Path) -> None:
    assert (await easyflow("workflow", "register", written(definition, folder))).code == 0


async def started(easyflow: Easyflow, *words: str) -> UUID:
    done = await easyflow("runs", "start", *words, "--json")
    assert done.code == 0, done.err
    return UUID(done.json["id"])


async def test_a_definition_is_registered_and_known_again(easyflow: Easyflow, tmp_path: Path) -> None:
    file = written(TWO, tmp_path)
    assert (await easyflow("workflow", "register", file)).out == "w version 1\n"
    assert (await easyflow("workflow", "register", file)).out == "w version 1, registered before\n"
    assert (await easyflow("workflow", "register", file, "--json")).json == {"name": "w", "version": 1, "new": False}
    wrong = await easyflow("workflow", "register", written(workflow(step("a", task="wrok")), tmp_path))
    assert wrong.code == 1
    assert "steps.a.task: no worker has registered the task wrok; did you mean work?" in wrong.sentence


async def test_a_run_is_started_and_shown_as_the_api_shows_it(
    easyflow: Easyflow, database: Connection, tmp_path: Path
) -> None:
    await registered(easyflow, TWO, tmp_path)
    words = ("w", '{"n": 1.10}', "--tag", "red", "--idempotency-key", "k1")
    first = await easyflow("runs", "start", *words)
    run_id = UUID(first.out.split()[0])
    assert first.out == f"{run_id} RUNNING\n"
    again = await easyflow("runs", "start", *words)
    assert again.out == f"{run_id} RUNNING (started before, under this idempotency key)\n"
    await work(database, {"a": said(1)})
    shown = (await easyflow("runs", "show", str(run_id), "--json")).json
    seen = run_shapes.run_detail(await read_run(database, run_id, max_bytes=1000))
    assert shown == json.loads(bytes(reply(seen).body), parse_float=lambda text: 1.1)
    text = (await easyflow("runs", "show", str(run_id))).out
    assert ["steps", "2", "of", "2", "over"] in [line.split() for line in text.splitlines()]
    assert '"n": 1.10' in text


async def test_a_start_wakes_workers_and_waits_for_the_output(
    easyflow: Easyflow, database_url: str, tmp_path: Path
) -> None:
    hello = workflow(step("say", task="demo.echo"), output="${steps.say.result.message}")
    async with running_worker(database_url):
        await registered(easyflow, hello, tmp_path)
        done = await easyflow("runs", "start", "w", '{"message": "hello"}', "--wait", "--timeout-seconds", "30")
    assert (done.code, done.out) == (0, '"hello"\n')


async def test_a_start_that_waits_tells_by_its_exit_code_what_became_of_the_run(
    easyflow: Easyflow, tmp_path: Path
) -> None:
    await registered(easyflow, TWO, tmp_path)
    late = await easyflow("runs", "start", "w", "--wait", "--timeout-seconds", "0")
    assert (late.code, late.out) == (3, "")
    assert "is still RUNNING" in late.sentence
    await registered(easyflow, workflow(step("no", fail={"reason": "on purpose"})), tmp_path)
    failed = await easyflow("runs", "start", "w", "--wait")
    assert failed.code == 1
    assert failed.sentence.endswith("is FAILED: step no failed: on purpose")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["x"], "there is no workflow x"),
        (["w", "--version", "7"], "there is no workflow w in version 7"),
        (["w", "{"], "not JSON"),
        (["w", "--timeout-seconds", "1"], "--wait"),
        (["w", "--tag", ""], "tags.0"),
    ],
)
async def test_a_start_that_cannot_be_is_refused_in_one_sentence(
    easyflow: Easyflow, tmp_path: Path, words: list[str], told: str
) -> None:
    await registered(easyflow, TWO, tmp_path)
    refused = await easyflow("runs", "start", *words)
    assert refused.code in (1, 2)
    assert told in refused.sentence


async def test_a_list_shows_runs_as_they_are_filtered(easyflow: Easyflow, database: Connection) -> None:
    bad = (await begin(database, TWO, tags=("red",))).id
    await work(database, {"a": BAD})
    live = (await begin(database, WAITING)).id
    lines = (await easyflow("runs", "list")).out.splitlines()
    assert [line.split()[:4] for line in lines[1:3]] == [
        [str(live), "waiting", "1", "RUNNING"],
        [str(bad), "w", "1", "FAILED"],
    ]
    assert lines[2].endswith("step a failed: no such account")
    assert lines[3] == "2 runs"
    for words, found in ((["--state", "failed"], bad), (["--workflow", "waiting"], live), (["--tag", "red"], bad)):
        listed = (await easyflow("runs", "list", *words, "--json")).json
        assert [run["id"] for run in listed["items"]] == [str(found)]
    assert (await easyflow("runs", "list", "--key", "k")).out == "No such runs.\n"
    jobs = (await easyflow("jobs", "list", "--run-id", str(bad), "--json")).json["items"]
    assert [(job["run_id"], job["step"], job["state"]) for job in jobs] == [(str(bad), "a", "FAILED")]


async def test_watching_tells_what_becomes_of_each_step(easyflow: Easyflow, database: Connection) -> None:
    run_id = (await begin(database, WAITING)).id
    watching = asyncio.ensure_future(easyflow("runs", "watch", str(run_id), "--timeout-seconds", "30"))
    await signal_once_watched(database, run_id)
    await work(database)
    watched = await watching
    assert watched.code == 0
    told = [line.split()[1:3] for line in watched.out.splitlines()[:-1]]
    assert [each for each in told if each[1] == "SUCCEEDED"] == [["hold", "SUCCEEDED"], ["b", "SUCCEEDED"]]
    assert ["b", "BLOCKED"] not in told
    assert watched.out.splitlines()[-1] == f"run {run_id} SUCCEEDED"
    late = (await begin(database, WAITING)).id
    assert (await easyflow("runs", "watch", str(late), "--timeout-seconds", "0")).code == 3


async def signal_once_watched(database: Connection, run_id: UUID) -> None:
    """Let the run go on once somebody looks."""

    async def watched() -> bool:
        found = (
            "select 1 from pg_stat_activity where application_name = 'easyflow cli' and datname = current_database()"
        )
        return bool(await database.fetch(found))

    await until(20, watched)
    async with database.transaction():
        await acts.signal(database, run_id, "go", {}, acts.Caller("test"))


async def test_acts_are_done_told_and_audited(easyflow: Easyflow, database: Connection) -> None:
    run_id = str((await begin(database, WAITING)).id)
    assert (await easyflow("runs", "pause", run_id, "--reason", "a check")).out.split()[-1] == "PAUSED"
    assert (await easyflow("runs", "resume", run_id, "--json")).json["items"][0]["state"] == "RUNNING"
    unfit = await easyflow("runs", "signal", run_id, "go", "[1]")
    assert unfit.code == 1
    assert "value" in unfit.sentence
    assert (await easyflow("runs", "signal", run_id, "go", "-", answer='{"by": "ann"}')).code == 0
    second = await easyflow("runs", "signal", run_id, "go", "{}")
    assert (second.code, "came before" in second.sentence) == (1, True)
    await claim_all(database)
    cancelled = await easyflow("runs", "cancel", run_id, str(uuid4()), "--no-compensate", "--reason", "enough")
    assert cancelled.code == 1
    assert "there is no run" in cancelled.sentence
    assert await database.fetchval("select count(*) from easyflow.leases where cancel_requested") == 1
    audit = await database.fetch("select act, actor, reason from easyflow.audit order by id")
    assert [tuple(row) for row in audit] == [
        ("pause", actor(), "a check"),
        ("resume", actor(), None),
        ("signal", actor(), None),
        ("cancel", actor(), "enough"),
    ]


async def test_a_failed_run_resumed_runs_on(easyflow: Easyflow, database: Connection) -> None:
    run_id = (await begin(database, TWO)).id
    await work(database, {"a": BAD})
    assert (await easyflow("runs", "resume", str(run_id))).code == 0
    await work(database)
    assert await states(database, run_id) == {"a": "SUCCEEDED", "b": "SUCCEEDED"}
