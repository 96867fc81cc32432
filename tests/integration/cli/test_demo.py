"""`easyflow demo mainframe`: the night comes out to the cent, whatever happens to it, and nothing is booked twice."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from easyflow.cli import night
from easyflow.local.postgres import LocalPostgres
from easyflow.storage.sql import Connection
from tests.integration.cli.conftest import Easyflow
from tests.support.command_line import running_worker
from tests.support.postgres import migrate, running_server, scratch_folder
from tests.support.waiting import within

# A whole night, sometimes with a crash, while other tests take the cores.
pytestmark = pytest.mark.timeout(180)

FIRST_PASS = {
    "posted": 262, "posted_amount": "77954.70", "rejected": 38, "rejected_amount": "26846.84",
    "balances": "90223.70", "cycle_credit": "102353.99", "cycle_debit": "-24399.29", "deviations": [],
}  # fmt: skip
ALL_APPROVED = {
    "posted": 300, "posted_amount": "104801.54", "rejected": 0, "rejected_amount": "0.00",
    "balances": "117070.54", "cycle_credit": "129200.83", "cycle_debit": "-24399.29", "deviations": [],
}  # fmt: skip


def figures(report: dict[str, Any]) -> dict[str, Any]:
    return {name: report[name] for name in FIRST_PASS}


async def test_the_night_is_exact_then_approved_by_the_command_it_names_and_never_booked_twice(
    easyflow: Easyflow, database: Connection, database_url: str
) -> None:
    async with running_worker(database_url):
        first = (await easyflow("demo", "mainframe", "--json")).json
        assert (figures(first), first["was_done"]) == (FIRST_PASS, False)

        letters = (await easyflow("dlq", "list", "--task", "mainframe.post_transaction", "--limit", "500")).out
        assert letters.splitlines()[-1] == "38 dead letters"
        assert "Fail: over limit: card ...8931, amount 635.99, limit 446.00, used 132.88" in letters

        again = await easyflow("demo", "mainframe")
        assert again.code == 0
        shown = [line.split() for line in again.out.splitlines()]
        assert ["posted", "262", "77,954.70"] in shown
        assert ["rejected,", "over", "limit", "(102)", "38", "26,846.84"] in shown
        assert ["sum", "of", "balances", "-", "90,223.70"] in shown
        assert "It had been started before" in again.out

        advice = again.out.splitlines()[-1].partition(": ")[2]
        program, *words = shlex.split(advice)
        assert Path(program).name == "easyflow"
        replayed = await easyflow(*words)
        assert (replayed.code, len(replayed.out.splitlines())) == (0, 1 + 38)

        approved = (await easyflow("demo", "mainframe", "--json")).json
        assert figures(approved) == ALL_APPROVED
        assert approved["start_job_id"] == first["start_job_id"]
        assert (await easyflow("demo", "mainframe")).out.count("\n") == 9
        totals = (await easyflow("submit", "mainframe.totals", "--wait", "--json")).json
        assert totals["state"] == "SUCCEEDED"
        assert totals["result"]["posted"] == {"jobs": 300, "amount": "104801.54"}
    assert await database.fetchval("select count(*) from easyflow.jobs") == 302
    assert (await easyflow("check")).code == 0


async def test_what_was_done_to_the_result_since_is_seen(
    easyflow: Easyflow, database: Connection, database_url: str
) -> None:
    async with running_worker(database_url):
        await easyflow("demo", "mainframe")
        ids = [item["job_id"] for item in (await easyflow("dlq", "list", "--limit", "2", "--json")).json["items"]]
        await easyflow("dlq", "replay", ids[0], "--set", "overdraft_approved=true", "--reason", "a good client")
        await easyflow("dlq", "discard", ids[1], "--reason", "fraud")
        partly = await easyflow("demo", "mainframe", "--json")
        assert (partly.code, partly.json["posted"], partly.json["rejected"]) == (0, 263, 37)

    await database.execute("update easyflow_demo.accounts set balance = balance + 0.01 where id = 37")
    wrong = await easyflow("demo", "mainframe")
    assert wrong.code == 1
    assert "Deviates from the verified results: sum of balances: " in wrong.out
    assert len((await easyflow("demo", "mainframe", "--json")).json["deviations"]) == 1

    await database.execute("drop schema easyflow_demo cascade")
    gone = await easyflow("demo", "mainframe")
    assert gone.code == 1
    assert "the demo's tables in the schema easyflow_demo are gone" in gone.sentence


async def test_without_waiting_it_only_submits_and_only_once(easyflow: Easyflow, database: Connection) -> None:
    first = await easyflow("demo", "mainframe", "--no-wait", "--json")
    assert (first.code, first.json["state"]) == (0, "READY")
    assert (await easyflow("demo", "mainframe", "--no-wait")).out == f"{first.json['id']} READY\n"
    assert await database.fetchval("select count(*) from easyflow.jobs") == 1


async def test_a_start_that_came_to_nothing_is_followed_by_another(easyflow: Easyflow, database: Connection) -> None:
    ids = []
    for _ in range(3):
        ids.append((await easyflow("demo", "mainframe", "--no-wait", "--json")).json["id"])
        await easyflow("jobs", "cancel", ids[-1])
    assert len(set(ids)) == 3


async def test_without_a_worker_it_says_so_and_goes_on_waiting(
    easyflow: Easyflow, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(night, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(night, "complain", said.append)
    waiting = asyncio.ensure_future(easyflow("demo", "mainframe", "--json"))
    await asyncio.to_thread(within, 60, lambda: said)
    assert "no worker serves the queue mainframe: start one with `easyflow worker`" in said[0]
    async with running_worker(database_url):
        assert figures((await waiting).json) == FIRST_PASS
    assert len(said) == 1


@pytest.fixture
async def own_server(tmp_path: Path) -> AsyncIterator[LocalPostgres]:
    """A migrated server that a test may kill."""
    with scratch_folder(tmp_path) as folder, running_server(folder) as server:
        migrate(server.url("postgres"))
        yield server


async def test_a_database_that_is_killed_in_the_middle_changes_nothing_about_the_result(
    easyflow: Easyflow, own_server: LocalPostgres
) -> None:
    url = own_server.url("postgres")
    async with running_worker(url, "--concurrency", "4"):
        waiting = asyncio.ensure_future(easyflow("demo", "mainframe", "--json", EASYFLOW_DATABASE_URL=url))
        for through in (40, 140):
            await _posted(url, through)
            own_server.kill()
            await asyncio.to_thread(within, 30, own_server.restart_if_dead)
        report = await waiting
        assert figures(report.json) == FIRST_PASS
        assert (await easyflow("check", EASYFLOW_DATABASE_URL=url)).code == 0


async def _posted(url: str, wanted: int) -> None:
    """Return once so many transactions are booked."""
    connection = await asyncpg.connect(url)
    booked = 0
    async with asyncio.timeout(90):
        while booked < wanted:
            await asyncio.sleep(0.02)
            if await connection.fetchval("select to_regclass('easyflow_demo.postings')"):
                booked = await connection.fetchval("select count(*) from easyflow_demo.postings")
    connection.terminate()
