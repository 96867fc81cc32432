"""The answer to a COMMIT is lost on its way to the API: the client hears the truth, and nothing is done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from easyflow.storage import queues
from easyflow.storage.acts import Act, Answer, carry_out
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.api import Api, problem
from tests.support.asked_acts import ACTS, ask, told
from tests.support.factories import TASK, place
from tests.support.marks import add_gate, gate_shut
from tests.support.unheard import COMMIT, FAULTS, Fault, api_behind, strike, struck
from tests.support.waiting import until

BATCH = {"jobs": [{"task": TASK, "payload": n} for n in range(3)]}
ONE = {"task": TASK, "payload": {"n": 1}}

# What is sent, which statement or COMMIT carries it to the disk, how many jobs it makes, and how often the key is used.
SUBMITS: dict[str, tuple[str, dict[str, Any], str, int]] = {
    "keyless": ("/jobs", ONE, "enqueue_jobs", 1),
    "keyless with tags": ("/jobs", {**ONE, "tags": ["t"]}, COMMIT, 1),
    "keyed": ("/jobs", {**ONE, "idempotency_key": "k1"}, COMMIT, 1),
    "with an ordering key": ("/jobs", {**ONE, "ordering_key": "o"}, "enqueue_jobs", 1),
    "keyed with an ordering key": ("/jobs", {**ONE, "ordering_key": "o", "idempotency_key": "k1"}, COMMIT, 1),
    "keyless batch": ("/jobs/batch", BATCH, "enqueue_jobs", 3),
    "keyed batch": ("/jobs/batch", BATCH, COMMIT, 3),
    "batch of keyed jobs": (
        "/jobs/batch",
        {"jobs": [{**ONE, "idempotency_key": f"k{n}"} for n in range(3)]},
        COMMIT,
        3,
    ),
}


def sent(api: Api, kind: str) -> Any:
    path, said, _, _ = SUBMITS[kind]
    return api.post(path, said, **({"idempotency_key": "b1"} if kind == "keyed batch" else {}))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", SUBMITS)
async def test_a_submit_whose_commit_goes_unheard_is_answered_as_if_it_had_been_heard(
    api: Api, database_url: str, kind: str, fault: Fault
) -> None:
    _, _, statement, count = SUBMITS[kind]
    async with api_behind(database_url, api.connection) as (behind, proxy):
        strike(proxy, statement, fault)
        reply = await sent(behind, kind)
        assert struck(proxy, statement) == 1
        again = await sent(behind, kind)
    assert reply.status_code == 201, reply.text
    assert "idempotency-replayed" not in reply.headers
    stored = [str(row["id"]) for row in await api.connection.fetch("select id from easyflow.jobs order by id")]
    keyed = again.status_code == 200
    assert keyed == ("keyed" in kind.replace("keyless", ""))
    assert len(stored) == (count if keyed else 2 * count)
    answered = reply.json().get("ids") or [reply.json()["id"]]
    assert sorted(answered) == stored[:count]
    assert await told(api) == (0, 0)
    if "ids" not in reply.json():
        shown = (await api.get(f"/jobs/{answered[0]}")).json()
        assert {name: shown[name] for name in reply.json() if name != "state"} == {
            name: value for name, value in reply.json().items() if name != "state"
        }


async def test_the_next_job_of_a_key_is_admitted_although_the_commit_of_its_holder_went_unheard(
    api: Api, database_url: str
) -> None:
    async with api_behind(database_url, api.connection) as (behind, proxy):
        proxy.refuse("enqueue_jobs")
        job_id = (await behind.post("/jobs", {**ONE, "ordering_key": "o"})).json()["id"]
    assert await place(api.connection, job_id) == "READY"


@pytest.mark.parametrize("key", ["k1", None], ids=["keyed", "keyless"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ACTS)
async def test_an_act_whose_commit_goes_unheard_is_done_once_and_answered_truthfully(
    api: Api, database_url: str, name: str, fault: Fault, key: str | None
) -> None:
    asked = await ACTS[name](api)
    async with api_behind(database_url, api.connection) as (behind, proxy):
        strike(proxy, COMMIT, fault)
        reply = await ask(behind, asked, key)
        assert struck(proxy, COMMIT) == 1
    assert reply.status_code == (202 if name == "cancel of a running job" else 200), reply.text
    assert "idempotency-replayed" not in reply.headers
    assert await told(api) == (1, 0 if asked.method == "PATCH" else 1)
    if key:
        again = await ask(api, asked, key)
        assert (again.status_code, again.content) == (reply.status_code, reply.content)
        assert await told(api) == (1, 0 if asked.method == "PATCH" else 1)


async def test_an_act_that_is_found_is_answered_without_another_commit_that_might_go_unheard_too(
    api: Api, database_url: str
) -> None:
    asked = await ACTS["cancel"](api)
    async with api_behind(database_url, api.connection) as (behind, proxy):
        proxy.swallow(COMMIT, 2)
        reply = await ask(behind, asked)
        assert (reply.status_code, struck(proxy, COMMIT)) == (200, 1)
    assert await told(api) == (1, 1)


@pytest.mark.parametrize("name", ACTS)
async def test_when_nobody_can_tell_the_client_hears_so_and_may_repeat_the_act_under_its_key(
    api: Api, database_url: str, name: str
) -> None:
    asked = await ACTS[name](api)
    async with api_behind(database_url, api.connection) as (behind, proxy):
        proxy.refuse(COMMIT, 2)
        reply = await ask(behind, asked)
        problem(reply, 503, "commit_unknown")
        assert int(reply.headers["retry-after"]) > 0
        assert await told(api) == (0, 0)
        assert (await ask(behind, asked)).status_code in (200, 202)
    assert (await told(api))[0] == 1


@pytest.mark.parametrize("kind", SUBMITS)
async def test_when_nobody_can_tell_whether_a_job_is_stored_the_client_hears_so(
    api: Api, database_url: str, kind: str
) -> None:
    _, _, statement, _ = SUBMITS[kind]
    async with api_behind(database_url, api.connection) as (behind, proxy):
        proxy.refuse(statement, 2)
        reply = await sent(behind, kind)
        problem(reply, 503, "commit_unknown")
        assert int(reply.headers["retry-after"]) > 0
        assert await api.count() == 0
        assert (await sent(behind, kind)).status_code == 201


async def test_many_clients_on_a_line_that_loses_commits_get_each_job_once_and_act_on_it_once(
    api: Api, database_url: str
) -> None:
    async def client(behind: Api, n: int) -> list[int]:
        made = await behind.post("/jobs", {"task": TASK, "payload": n}, idempotency_key=f"k{n}")
        if made.status_code != 201:
            return [made.status_code]
        job_id = made.json()["id"]
        cancelled = await behind.post(f"/jobs/{job_id}/cancel", {"reason": f"{n}"}, idempotency_key=f"c{n}")
        return [made.status_code, cancelled.status_code]

    async with api_behind(database_url, api.connection) as (behind, proxy):
        proxy.swallow(COMMIT, 6)
        proxy.refuse(COMMIT, 2)
        answers = [each for both in await asyncio.gather(*(client(behind, n) for n in range(30))) for each in both]
        assert struck(proxy, COMMIT) == 8
    statuses = Counter(answers)
    assert statuses.keys() <= {200, 201, 503}
    assert await api.count() == statuses[201]
    reasons = await api.connection.fetch("select reason, count(*) from easyflow.audit group by reason")
    assert [row["count"] for row in reasons] == [1] * statuses[200]


async def test_an_act_that_is_still_being_committed_when_it_is_looked_for_is_waited_for_and_not_repeated(
    api: Api, connect: Connect
) -> None:
    """The line breaks while the server commits: a look finds nothing yet, and the repeat meets the first one's key."""
    await add_gate(api.connection, "easyflow.audit")
    first, second = await connect(), await connect()
    lines = iter([first, second, second])
    runs = 0

    @asynccontextmanager
    async def lend() -> AsyncIterator[Connection]:
        yield next(lines)

    async def write(connection: Connection) -> Answer:
        nonlocal runs
        runs += 1
        await queues.change(connection, "letters", actor="test", paused=True)
        return Answer(200, f'"run {runs}"')

    async def behind_a_lock() -> bool:
        return bool(await api.connection.fetchval("select cardinality(pg_blocking_pids($1))", pid))

    pid = second.get_server_pid()
    async with gate_shut(connect, api.connection) as standing:
        doing = asyncio.create_task(carry_out(lend, Act("test", "letters", None, "k1"), write))
        await standing(1)
        first.terminate()
        await until(10, behind_a_lock)
        assert runs == 1
    answer = await doing
    assert (answer.body, answer.replayed) == ('"run 1"', False)
    assert await api.count("audit") == 1
