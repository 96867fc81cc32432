"""The answer to a COMMIT is lost on its way to the command line: it tells the truth, and does nothing twice."""

from __future__ import annotations

import pytest

from easyflow.storage.sql import Connection
from tests.integration.cli.conftest import Easyflow
from tests.support.factories import FAILED, place, run_through, submit, ticket
from tests.support.proxy import running_proxy
from tests.support.unheard import COMMIT, FAULTS, Fault, strike, struck

EITHER = pytest.mark.parametrize("fault", FAULTS)


async def acts_audited(database: Connection) -> list[str]:
    rows = await database.fetch("select act from easyflow.audit order by id")
    return [row["act"] for row in rows]


@EITHER
async def test_several_jobs_are_cancelled_although_the_first_commit_goes_unheard(
    easyflow: Easyflow, database: Connection, database_url: str, fault: Fault
) -> None:
    ids = await submit(database, ticket(), ticket(), ticket())
    async with running_proxy(database_url) as proxy:
        strike(proxy, COMMIT, fault)
        called = await easyflow("jobs", "cancel", *map(str, ids), "--json", EASYFLOW_DATABASE_URL=proxy.url)
        assert struck(proxy, COMMIT) == 1
    assert called.code == 0, called.err
    assert [item["outcome"] for item in called.json["items"]] == ["cancelled"] * 3
    assert [await place(database, job_id) for job_id in ids] == ["CANCELLED"] * 3
    assert await acts_audited(database) == ["cancel"] * 3


@EITHER
@pytest.mark.parametrize(("act", "outcome"), [("replay", "replayed"), ("discard", "discarded")])
async def test_an_act_on_a_dead_letter_is_not_refused_as_stale_because_its_own_commit_went_unheard(
    easyflow: Easyflow, database: Connection, database_url: str, fault: Fault, act: str, outcome: str
) -> None:
    job_id = await run_through(database, FAILED)
    async with running_proxy(database_url) as proxy:
        strike(proxy, COMMIT, fault)
        words = ("dlq", act, str(job_id), "--reason", "mended", "--yes", "--json")
        called = await easyflow(*words, EASYFLOW_DATABASE_URL=proxy.url)
        assert struck(proxy, COMMIT) == 1
    assert called.code == 0, called.err
    assert [item["outcome"] for item in called.json["items"]] == [outcome]
    assert await acts_audited(database) == [act]


@EITHER
async def test_a_queue_is_paused_once_although_the_commit_goes_unheard(
    easyflow: Easyflow, database: Connection, database_url: str, fault: Fault
) -> None:
    async with running_proxy(database_url) as proxy:
        strike(proxy, COMMIT, fault)
        called = await easyflow("queues", "pause", "letters", "--json", EASYFLOW_DATABASE_URL=proxy.url)
    assert (called.code, called.json["paused"], called.json["version"]) == (0, True, 1), called.err
    assert await acts_audited(database) == ["set queue"]


@EITHER
@pytest.mark.parametrize(("words", "statement"), [((), "enqueue_jobs"), (("--idempotency-key", "k1"), COMMIT)])
async def test_a_job_is_submitted_once_although_the_commit_goes_unheard(
    easyflow: Easyflow, database: Connection, database_url: str, fault: Fault, words: tuple[str, ...], statement: str
) -> None:
    async with running_proxy(database_url) as proxy:
        strike(proxy, statement, fault)
        called = await easyflow("submit", "demo.noop", *words, "--json", EASYFLOW_DATABASE_URL=proxy.url)
        assert struck(proxy, statement) == 1
    assert called.code == 0, called.err
    assert not called.json["existing"]
    assert [str(row["id"]) for row in await database.fetch("select id from easyflow.jobs")] == [called.json["id"]]
