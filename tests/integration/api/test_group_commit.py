"""Single submits that share a commit: each gets its own exact answer, whatever happens to its neighbours."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import httpx
import pytest

from easyflow.submission import group_commit
from tests.conftest import Connect
from tests.support.api import Api, problem, running_api
from tests.support.factories import TASK, ticket
from tests.support.held import held_up, inserts_held, keys_held, one_held_up_and_others_waiting
from tests.support.proxy import running_proxy
from tests.support.waiting import until


def said(text: object, **more: Any) -> dict[str, Any]:
    """A job that can be told from the others."""
    return {"task": TASK, "payload": {"message": f"{text}"}, **more}


async def stored(api: Api) -> dict[str, str]:
    """The message of each stored job, by its id."""
    rows = await api.connection.fetch("select id, payload::jsonb ->> 'message' as message from easyflow.jobs")
    return {str(row["id"]): row["message"] for row in rows}


async def transactions(api: Api) -> int:
    """How many transactions have stored jobs."""
    counted: int = await api.connection.fetchval("select count(distinct xmin::text) from easyflow.jobs")
    return counted


@pytest.fixture
def one_commit_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits go one after another, so that a test knows who travels with whom."""
    monkeypatch.setattr(group_commit, "AT_ONCE", 1)


async def test_two_hundred_submits_with_fifty_keys_make_fifty_jobs(api: Api) -> None:
    replies = await asyncio.gather(*(api.post("/jobs", said(n % 50), idempotency_key=f"k{n % 50}") for n in range(200)))
    assert Counter(reply.status_code for reply in replies) == {201: 50, 200: 150}
    for key in range(50):
        same = replies[key::50]
        assert sorted(reply.status_code for reply in same) == [200, 200, 200, 201]
        assert len({reply.json()["id"] for reply in same}) == 1
    assert sorted((await stored(api)).values()) == sorted(str(n) for n in range(50))


@pytest.mark.parametrize("keyed", [False, True])
async def test_submits_of_one_moment_share_commits_and_each_is_answered_with_its_own_job(api: Api, keyed: bool) -> None:
    await api.post("/jobs", said("warm"))
    replies = await asyncio.gather(
        *(
            api.post("/jobs", said(n, priority=n, tags=[f"t{n}"]), **({"idempotency_key": f"k{n}"} if keyed else {}))
            for n in range(100)
        )
    )
    messages = await stored(api)
    assert [messages[reply.json()["id"]] for reply in replies] == [str(n) for n in range(100)]
    assert [(reply.json()["priority"], reply.json()["tags"]) for reply in replies] == [
        (n, [f"t{n}"]) for n in range(100)
    ]
    assert await transactions(api) < 25


async def test_answers_follow_their_requests_where_old_keys_and_new_ones_are_mixed(api: Api) -> None:
    before = [(await api.post("/jobs", said(n), idempotency_key=f"k{n}")).json()["id"] for n in range(0, 60, 3)]
    replies = await asyncio.gather(
        *(api.post("/jobs", said(n if n % 3 != 1 else "another"), idempotency_key=f"k{n - n % 3}") for n in range(60))
    )
    # Of each three, the first repeats a request, and the other two use its key for something else.
    assert [reply.json()["id"] for reply in replies[::3]] == before
    assert [reply.status_code for reply in replies] == [200, 422, 422] * 20
    assert await api.count() == 20


async def test_of_two_different_requests_with_one_key_one_is_stored_and_the_other_refused(api: Api) -> None:
    replies = await asyncio.gather(
        *(api.post("/jobs", said(n), idempotency_key=f"k{n // 2}") for n in range(40)),
    )
    for first, second in zip(replies[::2], replies[1::2], strict=True):
        assert sorted((first.status_code, second.status_code)) == [201, 422]
        refused = first if first.status_code == 422 else second
        problem(refused, 422, "idempotency_key_reused")
    assert await api.count() == 20


POISON: dict[str, tuple[bytes, int]] = {
    "NUL": (b'{"task": "demo.echo", "payload": {"message": "a\\u0000b"}}', 400),
    "too deep": (b'{"task": "demo.echo", "payload": ' + b"[" * 100 + b"]" * 100 + b"}", 422),
    "a payload that does not fit": (b'{"task": "claims.pay", "payload": {"amount": "much"}}', 422),
    "an unknown task": (b'{"task": "claims.pray"}', 422),
    "half a document": (b'{"task": ', 400),
}


@pytest.mark.parametrize("poison", POISON)
async def test_a_bad_submit_harms_none_of_fifty_good_ones(api: Api, poison: str) -> None:
    body, status = POISON[poison]
    bad, *good = await asyncio.gather(api.send("/jobs", body), *(api.post("/jobs", said(n)) for n in range(50)))
    problem(bad, status)
    assert [reply.status_code for reply in good] == [201] * 50
    assert await api.count() == 50


@pytest.mark.parametrize("facts", [{"timeout_seconds": 0.0}, {"payload": '"a\\u0000b"'}, {"payload": "no json"}])
@pytest.mark.parametrize("keyed", [False, True])
async def test_what_only_the_database_refuses_fails_alone(api: Api, facts: dict[str, Any], keyed: bool) -> None:
    key = {"idempotency_key": "bad"} if keyed else {}
    good = [ticket(**({"idempotency_key": f"k{n}"} if keyed else {})) for n in range(50)]
    group = [*good[:31], ticket(**facts, **key), *good[31:]]
    answers = await asyncio.gather(*(api.backend.submit(each) for each in group), return_exceptions=True)
    refused = answers.pop(31)
    assert isinstance(refused, asyncpg.PostgresError)
    assert [answer.ids for answer in answers if not isinstance(answer, BaseException)] == [[t.id] for t in good]
    assert await api.count() == 50
    assert await api.count("idempotency_keys") == (50 if keyed else 0)


@pytest.mark.usefixtures("one_commit_at_once")
async def test_keys_held_elsewhere_do_not_hold_up_those_who_share_a_commit_with_them(
    api: Api, connect: Connect
) -> None:
    async with keys_held(connect, 6) as keys:
        held = [asyncio.create_task(api.post("/jobs", said("held"), idempotency_key=key)) for key in keys]
        await asyncio.sleep(0)
        async with asyncio.timeout(12):  # alone they may wait 2 s each; sorting six out of a group takes eleven waits
            others = await asyncio.gather(
                *(api.post("/jobs", said("free")) for _ in range(20)),
                *(api.post("/jobs", said("other key"), idempotency_key=f"k{n}") for n in range(20)),
            )
    assert [reply.status_code for reply in others] == [201] * 40
    assert {reply.status_code for reply in await asyncio.gather(*held)} <= {201, 409, 503}


@pytest.mark.usefixtures("one_commit_at_once")
async def test_jobs_without_a_key_never_wait_for_somebody_elses(
    api: Api, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "KEY_WAIT", "15s")
    async with keys_held(connect, 1) as (key,):
        held = asyncio.create_task(api.post("/jobs", said("held"), idempotency_key=key))
        await one_held_up_and_others_waiting(api, 0)
        async with asyncio.timeout(10):
            assert (await api.post("/jobs", said("free"))).status_code == 201
        assert not held.done()
    assert (await held).status_code == 201


async def test_submits_that_wait_long_for_a_key_leave_connections_for_the_others(api: Api, connect: Connect) -> None:
    async with keys_held(connect, 10) as keys:
        held = [
            asyncio.create_task(api.post("/jobs", said("held", concurrency_key="c"), idempotency_key=key))
            for key in keys
        ]

        async def some_wait() -> bool:
            return len(await held_up(api)) >= group_commit.ALONE_AT_ONCE

        await until(10, some_wait)
        assert (await api.post("/jobs", said("free"))).status_code == 201
        assert not all(task.done() for task in held)
        assert len(await held_up(api)) <= group_commit.ALONE_AT_ONCE
    assert {reply.status_code for reply in await asyncio.gather(*held)} <= {201, 409, 503}


@pytest.mark.usefixtures("one_commit_at_once")
async def test_a_commit_the_database_ends_is_tried_once_more_and_then_nobody_in_it_is_told_that_it_is_stored(
    api: Api, connect: Connect
) -> None:
    async with inserts_held(connect):
        first = asyncio.create_task(api.post("/jobs", said("first")))
        await one_held_up_and_others_waiting(api, 0)
        second = [asyncio.create_task(api.post("/jobs", said(n))) for n in range(20)]
        for _ in range(2):
            await one_held_up_and_others_waiting(api, 20)
            await end_the_one_held_up(api)
        problem(await first, 503, "commit_unknown")
        await one_held_up_and_others_waiting(api, 0)
        await end_the_one_held_up(api)
        await one_held_up_and_others_waiting(api, 0)
        late = asyncio.create_task(api.post("/jobs", said("late")))
        await one_held_up_and_others_waiting(api, 1)
    assert [reply.status_code for reply in await asyncio.gather(*second, late)] == [201] * 21
    assert sorted((await stored(api)).values()) == sorted([*map(str, range(20)), "late"])


async def end_the_one_held_up(api: Api) -> None:
    """End the server process that waits, and return when it is gone."""
    (pid,) = await held_up(api)
    await api.connection.execute("select pg_terminate_backend($1, 10000)", pid)


@pytest.mark.parametrize("more", [{}, {"tags": ["t"]}], ids=["keyed", "without key"])
async def test_when_only_the_word_of_a_commit_is_lost_everybody_in_it_gets_the_true_answer(
    api: Api, database_url: str, more: dict[str, Any]
) -> None:
    keys = [{} if more else {"idempotency_key": f"k{n}"} for n in range(40)]
    async with running_proxy(database_url) as proxy, running_api(proxy.url) as client:
        behind = Api(client, api.connection)
        await behind.post("/jobs", said("warm"))
        proxy.swallow("COMMIT")
        replies = await asyncio.gather(*(behind.post("/jobs", said(n, **more), **keys[n]) for n in range(40)))
        assert proxy.swallowed == {"COMMIT": 1}
    assert [reply.status_code for reply in replies] == [201] * 40
    messages = await stored(api)
    assert [messages.pop(reply.json()["id"]) for reply in replies] == [str(n) for n in range(40)]
    assert list(messages.values()) == ["warm"]


@pytest.mark.usefixtures("one_commit_at_once")
async def test_a_client_that_goes_away_takes_only_its_own_job_along(api: Api, connect: Connect) -> None:
    async with inserts_held(connect):
        under_way = [asyncio.create_task(api.post("/jobs", said("first")))]
        await one_held_up_and_others_waiting(api, 0)
        queued = [asyncio.create_task(api.post("/jobs", said(n))) for n in range(20)]
        await one_held_up_and_others_waiting(api, 20)
        gone = [*under_way, *queued[::2]]
        for task in gone:
            task.cancel()
        await asyncio.wait(gone)
    replies: list[httpx.Response] = await asyncio.gather(*queued[1::2])
    assert [reply.status_code for reply in replies] == [201] * 10
    messages = await stored(api)
    assert [messages.pop(reply.json()["id"]) for reply in replies] == [str(n) for n in range(1, 20, 2)]
    # The one whose commit had begun is stored, as it would have been alone; those that waited left no trace.
    assert list(messages.values()) == ["first"]


async def test_large_payloads_do_not_gather_in_one_commit(api: Api) -> None:
    replies = await asyncio.gather(*(api.post("/jobs", said("x" * 400_000)) for _ in range(12)))
    assert [reply.status_code for reply in replies] == [201] * 12
    assert await transactions(api) >= 6


async def test_stopping_waits_for_what_is_being_stored(database_url: str, api: Api, connect: Connect) -> None:
    async with running_api(database_url) as client:
        other = Api(client, api.connection)
        async with inserts_held(connect):
            last = asyncio.create_task(other.backend.submit(ticket()))
            await one_held_up_and_others_waiting(other, 0)
            closing = asyncio.create_task(other.backend.group.close())
            await asyncio.sleep(0)
            assert not closing.done()
        await closing
        assert list(await stored(api)) == [str(id) for id in (await last).ids]


@pytest.mark.usefixtures("one_commit_at_once")
async def test_when_the_loop_itself_is_stopped_nobody_is_left_waiting(api: Api, connect: Connect) -> None:
    async with inserts_held(connect):
        submits = [asyncio.create_task(api.post("/jobs", said("first")))]
        await one_held_up_and_others_waiting(api, 0)
        submits += [asyncio.create_task(api.post("/jobs", said(n))) for n in range(5)]
        await one_held_up_and_others_waiting(api, 5)
        (lane,) = [task for task in asyncio.all_tasks() if "Lane._run" in repr(task.get_coro())]
        lane.cancel()
        async with asyncio.timeout(10):
            for reply in await asyncio.gather(*submits):
                problem(reply, 503, "database_unavailable")
    assert (await api.post("/jobs", said("next"))).status_code == 201
