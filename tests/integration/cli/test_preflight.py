"""`easyflow workflow preflight`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from easyflow.domain.workflow.reading import read
from easyflow.storage.sql import Connection
from tests.integration.cli.conftest import Easyflow
from tests.support.runs import begin, step, work, workflow

OLD = workflow(step("a"), step("b", "a", wait_for_signal={"signal": "go"}))


def written(folder: Path, document: dict[str, Any]) -> str:
    path = folder / "new.json"
    path.write_text(json.dumps(document))
    return str(path)


async def test_a_definition_that_breaks_nothing_is_fine(
    easyflow: Easyflow, database: Connection, tmp_path: Path
) -> None:
    await begin(database, OLD)
    called = await easyflow("workflow", "preflight", written(tmp_path, workflow(step("a"), step("c", "a"))))
    assert called.code == 0
    assert [line.split() for line in called.out.splitlines()] == [
        ["version", "compatible", "breaking", "ending"],
        ["1", "1", "0", "0"],
    ]
    assert await database.fetchval("select count(*) from easyflow.workflows") == 1


async def test_what_breaks_is_said_with_the_step_and_its_runs_and_the_exit_code_is_1(
    easyflow: Easyflow, database: Connection, tmp_path: Path
) -> None:
    run = await begin(database, OLD)
    await work(database)
    new = workflow(step("b"))
    called = await easyflow("workflow", "preflight", written(tmp_path, new))
    assert called.code == 1
    gone = "has begun or is over, and the new version has no such step; map it to one"
    other = "is waits for the signal go, and in the new version task work"
    assert called.out.splitlines()[-2:] == [f"a: {gone} (one run: {run.id})", f"b: {other} (one run: {run.id})"]
    said = await easyflow("workflow", "preflight", written(tmp_path, new), "--json")
    assert said.code == 1
    assert said.json == {
        "workflow": "w",
        "digest": read(new).digest.hex(),
        "versions": [{"version": 1, "compatible": 0, "breaking": 1, "ending": 0}],
        "breaks": [
            {"step": "a", "message": gone, "runs": 1, "run_ids": [str(run.id)]},
            {"step": "b", "message": other, "runs": 1, "run_ids": [str(run.id)]},
        ],
    }


async def test_without_runs_there_is_nothing_to_break(easyflow: Easyflow, database: Connection, tmp_path: Path) -> None:
    called = await easyflow("workflow", "preflight", written(tmp_path, OLD))
    assert (called.code, called.out) == (0, "No run of w is under way or failed.\n")


async def test_a_definition_that_is_none_is_refused_in_a_sentence(
    easyflow: Easyflow, database: Connection, tmp_path: Path
) -> None:
    called = await easyflow("workflow", "preflight", written(tmp_path, workflow(step("a", "nowhere"))))
    assert called.code == 1
    assert "steps.a.needs" in called.sentence
