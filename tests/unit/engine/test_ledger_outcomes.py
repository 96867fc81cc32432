"""How an effect comes out: what proves that nothing happened, what leaves it open, and what becomes of what is open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from easyflow.context import Context
from easyflow.domain.effects import DidNotHappen, Unknown
from easyflow.engine.attempt import run_in_thread
from easyflow.engine.refusals import is_definite
from easyflow.errors import Misconfigured
from easyflow.outbound.errors import OutboundFailed, OutboundRefused
from tests.support.ledger_job import JOB, Job

REQUEST = httpx.Request("POST", "https://bank.example/")


def status(code: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError("no", request=REQUEST, response=httpx.Response(code))


DEFINITE = [
    DidNotHappen("no such account"),
    ConnectionRefusedError(),
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout("slow"),
    httpx.PoolTimeout("busy"),
    *(status(code) for code in (400, 401, 404, 422, 425, 429, 499)),
    OutboundRefused("an address outside the open internet"),
]
UNCLEAR = [
    TimeoutError(),
    ConnectionResetError(),
    BrokenPipeError(),
    OSError(),
    ValueError("our own mistake"),
    KeyboardInterrupt(),
    SystemExit(1),
    asyncio.CancelledError(),
    httpx.ReadTimeout("slow"),
    httpx.RemoteProtocolError("cut"),
    httpx.WriteError("cut"),
    *(status(code) for code in (100, 302, 408, 409, 500, 502, 503, 504)),
    Unknown("who knows"),
]


@pytest.mark.parametrize("raised", DEFINITE, ids=repr)
async def test_a_definite_refusal_closes_the_effect_and_reaches_the_handler_as_an_error(raised: BaseException) -> None:
    job = Job("unsafe")
    attempt = job.attempt()
    with pytest.raises(type(raised)) as reached:
        await job.effect(raised, attempt)
    assert reached.value is raised
    assert job.book.states == ["did_not_happen"]
    assert job.book.rows[JOB, 1]["note"]
    assert attempt.ledger is not None
    assert attempt.ledger.doubt() is None
    assert attempt.conclude("went on").result == '"went on"'


@pytest.mark.parametrize("raised", UNCLEAR, ids=repr)
async def test_whatever_proves_nothing_leaves_the_effect_open(raised: BaseException) -> None:
    job = Job("unsafe")
    attempt = job.attempt()
    with pytest.raises(type(raised)):
        await job.effect(raised, attempt)
    assert job.book.states == ["open"]
    assert attempt.ledger is not None
    assert attempt.ledger.doubt() == "effect charge (unsafe): it may or may not have happened"


@pytest.mark.parametrize("sent", [True, False])
def test_our_own_client_knows_whether_a_request_left(sent: bool) -> None:
    failed = OutboundFailed("no proper reply")
    failed.sent = sent
    assert is_definite(failed) is not sent


async def test_a_handler_cancelled_in_the_middle_of_a_call_leaves_it_open() -> None:
    job = Job("unsafe")
    attempt = job.attempt()
    begun = asyncio.Event()

    async def hang(key: str) -> None:
        begun.set()
        await asyncio.sleep(60)

    running = asyncio.ensure_future(attempt.open_context().effect("charge", hang))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert job.book.states == ["open"]
    assert attempt.ledger is not None
    assert attempt.ledger.doubt() is not None


async def test_what_may_not_have_reached_the_ledger_counts_as_open() -> None:
    job = Job("unsafe")
    attempt = job.attempt()

    async def away(intent: Any) -> Any:
        raise asyncio.CancelledError

    job.book.open = away  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await job.effect("done", attempt)
    assert attempt.ledger is not None
    assert attempt.ledger.doubt() is not None


@pytest.mark.parametrize("declared", ["pure", "transactional"])
async def test_a_task_that_declares_no_effects_must_name_a_class_for_each(declared: str) -> None:
    job = Job(declared)
    with pytest.raises(Misconfigured, match=f"declares effects='{declared}'"):
        await job.effect()
    assert job.book.said == []
    assert await job.effect("done", effects="keyed") == "done"
    assert job.book.rows[JOB, 1]["effects"] == "keyed"


@pytest.mark.parametrize("declared", ["pure", "transactional", "keyed", "queryable"])
async def test_an_unsafe_effect_needs_a_task_that_is_unsafe(declared: str) -> None:
    job = Job(declared)
    with pytest.raises(Misconfigured, match="effect charge of task t is unsafe: say effects='unsafe' in its @task"):
        await job.effect(effects="unsafe")
    assert job.book.said == []
    assert await Job("unsafe").effect("done", effects="unsafe") == "done"


async def test_a_single_effect_of_an_unsafe_task_may_be_of_a_milder_class() -> None:
    job = Job("unsafe")
    attempt = job.attempt()
    with pytest.raises(TimeoutError):
        await job.effect(TimeoutError(), attempt, effects="keyed")
    assert job.book.rows[JOB, 1]["effects"] == "keyed"
    assert attempt.ledger is not None
    assert attempt.ledger.doubt() is None


async def test_a_class_that_does_no_effects_cannot_be_named_for_one() -> None:
    for wrong in ("pure", "transactional"):
        with pytest.raises(Misconfigured):
            await Job("keyed").effect(effects=wrong)


async def test_a_queryable_effect_needs_somebody_who_asks() -> None:
    with pytest.raises(Misconfigured, match="has no reconcile"):
        await Job("keyed").effect(effects="queryable")


async def test_the_time_a_key_is_remembered_is_that_of_keyed_effects_only() -> None:
    job = Job("unsafe")
    attempt = job.attempt()
    await job.effect("done", attempt, effects="keyed")
    await job.effect("done", attempt)
    assert [row["key_window"] for row in job.book.rows.values()] == [60.0, None]


async def in_thread(job: Job, handler: Callable[[Context], Any]) -> Any:
    """Run a handler that is not async as the engine does; what it returned, as JSON text."""

    def run(ctx: Context, payload: Any) -> Any:
        return handler(ctx)

    attempt = job.attempt()
    attempt.task = SimpleNamespace(**{**vars(job.task), "handler": run, "is_async": False})  # type: ignore[assignment]
    attempt.task.payload, attempt.task.result = job.task.payload, job.task.result
    loop = asyncio.get_running_loop()
    return (
        await run_in_thread(attempt, attempt.open_context(), lambda *call: loop.run_in_executor(None, *call))
    ).result


async def test_in_a_thread_the_same_call_returns_the_result_and_calls_there() -> None:
    job = Job("unsafe", sync=True)
    threads: list[threading.Thread] = []

    def handler(ctx: Context) -> Any:
        def call(key: str) -> str:
            threads.append(threading.current_thread())
            job.book.said.append("call")
            return "done"

        return ctx.effect("charge", call)

    assert await in_thread(job, handler) == await in_thread(job, handler) == '"done"'
    assert job.book.said[:5] == ["waited", "intent charge", "call", "waited", "happened 1"]
    assert job.book.said[5:] == ["waited", "intent charge"]
    assert threads[0] is not threading.main_thread()


async def test_in_a_thread_what_is_raised_closes_or_leaves_open_as_in_the_loop() -> None:
    for raised, state in ((DidNotHappen("no"), "did_not_happen"), (TimeoutError(), "open")):
        job = Job("keyed", sync=True)
        with pytest.raises(type(raised)):
            await in_thread(job, lambda ctx: ctx.effect("charge", job.answers(raised)))  # noqa: B023 - run at once
        assert job.book.states == [state]


async def test_in_a_thread_a_call_that_must_be_awaited_did_not_happen() -> None:
    job = Job("unsafe", sync=True)

    async def call(key: str) -> None:
        job.book.said.append("call")

    with pytest.raises(DidNotHappen, match="cannot await"):
        await in_thread(job, lambda ctx: ctx.effect("charge", call))
    assert (job.book.states, "call" in job.book.said) == (["did_not_happen"], False)
