"""`easyflow queues` and `easyflow workers`."""

from __future__ import annotations

import json
import socket
from datetime import timedelta
from uuid import uuid4

import pytest

from easyflow.cli.connection import actor
from easyflow.storage import queues, workers
from easyflow.storage.sql import Connection
from tests.integration.cli.conftest import Easyflow
from tests.support.factories import birthday, claim, start_executor, stop_clock, submit, ticket


async def test_queues_are_listed_with_what_is_in_them(easyflow: Easyflow, database: Connection) -> None:
    executor = await start_executor(database)
    await submit(database, *(ticket() for _ in range(3)), ticket(queue="later", delay_seconds=60.0))
    await claim(database, executor_id=executor)
    items = (await easyflow("queues", "list", "--json")).json["items"]
    assert [(item["name"], item["ready"], item["running"], item["parked"]) for item in items] == [
        ("default", 2, 1, 0),
        ("later", 0, 0, 1),
    ]
    header, *lines = (await easyflow("queues", "list")).out.splitlines()
    assert header.split() == ["queue", "paused", "limit", "per", "key", "ready", "running", "parked", "oldest", "ready"]
    assert [line.split()[:7] for line in lines] == [
        ["default", "no", "-", "1", "2", "1", "0"],
        ["later", "no", "-", "1", "0", "0", "1"],
    ]


async def test_a_list_says_which_queues_hold_more_than_was_counted(
    easyflow: Easyflow, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "COUNTED_TICKETS", 1)
    await submit(database, *(ticket() for _ in range(101)), ticket(queue="letters"))
    lines = (await easyflow("queues", "list")).out.splitlines()
    assert (lines[1].split()[4], lines[-1]) == ("100", "There is more than was counted in default.")


async def test_a_paused_queue_stays_paused_until_it_is_resumed(easyflow: Easyflow, database: Connection) -> None:
    paused = (await easyflow("queues", "pause", "letters", "--reason", "the printer burns", "--json")).json
    assert (paused["name"], paused["paused"]) == ("letters", True)
    kept = (await easyflow("queues", "set", "letters", "--concurrency", "4", "--json")).json
    assert (kept["paused"], kept["concurrency"], kept["concurrency_per_key"]) == (True, 4, 1)
    resumed = await easyflow("queues", "resume", "letters")
    assert resumed.out.splitlines()[1].split()[:4] == ["letters", "no", "4", "1"]
    rows = await database.fetch("select actor, object_id, reason, after::text from easyflow.audit order by id")
    assert [(row["actor"], row["object_id"], row["reason"], json.loads(row["after"])) for row in rows] == [
        (actor(), "letters", "the printer burns", {"paused": True}),
        (actor(), "letters", None, {"concurrency": 4}),
        (actor(), "letters", None, {"paused": False}),
    ]


async def test_a_limit_is_lifted_by_zero(easyflow: Easyflow, database: Connection) -> None:
    await easyflow("queues", "set", "letters", "--concurrency", "4", "--concurrency-per-key", "2")
    lifted = (await easyflow("queues", "set", "letters", "--concurrency", "0", "--json")).json
    assert (lifted["concurrency"], lifted["concurrency_per_key"]) == (None, 2)


async def test_workers_hear_of_a_change_at_once(easyflow: Easyflow, database: Connection) -> None:
    heard: list[str] = []
    await database.add_listener("easyflow_control", lambda *told: heard.append(str(told[2])))
    await easyflow("queues", "pause", "letters")
    await database.fetchval("select 1")
    assert heard == ["easyflow_control"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["set", "letters"], "--concurrency"),
        (["set", "letters", "--concurrency", "-1"], "--concurrency"),
        (["set", "letters", "--concurrency-per-key", "0"], "--concurrency-per-key"),
        (["set", "letters", "--concurrency", "9999999999"], "--concurrency"),
        (["pause", "two words"], "is no queue name"),
        (["pause"], "QUEUE"),
    ],
)
async def test_a_wrong_call_is_one_sentence_and_exit_code_2(easyflow: Easyflow, words: list[str], says: str) -> None:
    done = await easyflow("queues", *words)
    assert (done.code, done.out) == (2, "")
    assert says in done.sentence


async def test_a_worker_that_stays_silent_is_called_so_and_after_an_hour_left_out(
    easyflow: Easyflow, database: Connection
) -> None:
    now = await birthday(database)
    await stop_clock(database, now)
    worker_id = uuid4()
    await workers.register(database, worker_id, host="here", pid=7, version="0", queues=["default"], tasks=[])
    await start_executor(database, worker_id=worker_id)
    (seen,) = (await easyflow("workers", "--json")).json["items"]
    assert (seen["id"], seen["state"], seen["executors"], seen["seen_at"]) == (
        str(worker_id), "live", 1, now.isoformat().replace("+00:00", "Z"),
    )  # fmt: skip

    await stop_clock(database, now + timedelta(minutes=1))
    assert (await easyflow("workers")).out.splitlines()[1].split()[:2] == [str(worker_id), "silent"]

    await stop_clock(database, now + timedelta(hours=2))
    assert (await easyflow("workers")).out == "No worker runs: start one with `easyflow worker`.\n"
    assert [one["state"] for one in (await easyflow("workers", "--all", "--json")).json["items"]] == ["silent"]


async def test_a_host_is_well_while_a_worker_of_its_own_is_live_or_draining(
    easyflow: Easyflow, database: Connection
) -> None:
    now = await birthday(database)
    await stop_clock(database, now)
    other, own = uuid4(), uuid4()
    await workers.register(database, other, host="elsewhere", pid=7, version="0", queues=["default"], tasks=[])
    nobody = await easyflow("workers", "--here")
    assert (nobody.code, nobody.out) == (1, "No worker runs: start one with `easyflow worker`.\n")

    await workers.register(database, own, host=socket.gethostname(), pid=8, version="0", queues=["default"], tasks=[])
    for state in ("live", "draining"):
        await database.execute("update easyflow.workers set state = $1 where id = $2", state, own)
        seen = await easyflow("workers", "--here", "--json")
        assert (seen.code, [(one["id"], one["state"]) for one in seen.json["items"]]) == (0, [(str(own), state)])

    await stop_clock(database, now + timedelta(minutes=1))
    assert (await easyflow("workers", "--here")).code == 1
