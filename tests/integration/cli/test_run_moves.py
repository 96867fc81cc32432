"""`easyflow runs migrate`."""

from __future__ import annotations

from easyflow.storage.sql import Connection
from tests.integration.cli.conftest import Easyflow
from tests.support.runs import begin, step, work, workflow

OLD = workflow(step("a"), step("b", "a"), name="moving")
NEW = workflow(step("a2"), step("check", "a2"), step("b", "check"), name="moving")


async def test_runs_go_on_with_the_version_they_are_moved_to(easyflow: Easyflow, database: Connection) -> None:
    runs = [(await begin(database, OLD)).id for _ in range(2)]
    await begin(database, NEW)
    refused = await easyflow("runs", "migrate", str(runs[0]), "--to", "2")
    assert refused.code == 1
    assert "the run cannot go on with version 2: step a: " in refused.sentence
    moved = await easyflow("runs", "migrate", *map(str, runs), "--to", "2", "--rename", "a=a2", "--json")
    assert moved.code == 0, moved.err
    assert [row["version"] for row in await database.fetch("select version from easyflow.runs order by id")] == [2] * 3
    assert sorted(await work(database)) == ["a2"] * 3 + ["b"] * 3 + ["check"] * 3


async def test_a_renaming_that_is_none_is_refused(easyflow: Easyflow, database: Connection) -> None:
    run = await begin(database, OLD)
    wrong = await easyflow("runs", "migrate", str(run.id), "--rename", "a")
    assert wrong.code == 2
    assert "a is not OLD=NEW" in wrong.err
