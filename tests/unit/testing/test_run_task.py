"""`easyflow.testing`: a task in a test ends as an attempt in a worker ends."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, field_validator

from easyflow import Context, Fail, Retry, Snooze, registry, task
from easyflow.errors import EffectInDoubt, EffectOpen, Invalid, Misconfigured
from easyflow.testing import PayloadRefused, ResultRefused, context_for, run_task, run_task_async


class Claim(BaseModel):
    """What to pay."""

    amount: Decimal
    card: str = "4711"

    @field_validator("card")
    @classmethod
    def _known(cls, card: str) -> str:
        if card == "0000":
            raise ValueError("nobody has this card")
        return card


class Receipt(BaseModel):
    """What was paid."""

    paid: Decimal
    attempt: int


class Way(BaseModel):
    """How to end."""

    way: str


ENDINGS: dict[str, Any] = {"retry": Retry("later", after=3), "snooze": Snooze(5), "fail": Fail("no", code="c")}
RESULTS: dict[str, Any] = {"none": None, "nan": float("nan"), "object": object(), "deep": {"a": [1, 2.5]}}


def wait_in_vain() -> None:
    raise TimeoutError


def register_effects() -> None:
    @task("bank.charge", effects="unsafe")
    async def charge(ctx: Context, claim: Claim) -> Any:
        return await ctx.effect("charge", lambda key: {"key": key, "paid": (1, 2)}, returns=None)

    @task("bank.charge_sync", effects="keyed")
    def charge_sync(ctx: Context, claim: Claim) -> Any:
        return ctx.effect("charge", lambda key: Receipt(paid=claim.amount, attempt=1), returns=Receipt).attempt

    @task("bank.charge_rashly", effects="keyed")
    async def charge_rashly(ctx: Context, claim: Claim) -> Any:
        return await ctx.effect("charge", lambda key: "done", effects="unsafe")

    @task("bank.swallow", effects="unsafe")
    async def swallow(ctx: Context, way: Way) -> str:
        with contextlib.suppress(TimeoutError):
            await ctx.effect("charge", lambda key: wait_in_vain(), effects=way.way)
        return "fine"


@pytest.fixture(autouse=True)
def tasks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tasks of these tests only."""
    monkeypatch.setattr(registry, "TASKS", registry.TASKS)
    before = dict(registry.TASKS)

    @task("bank.pay", effects="keyed")
    async def pay(ctx: Context, claim: Claim) -> Receipt:
        return Receipt(paid=claim.amount, attempt=ctx.attempt)

    @task("bank.end", effects="pure")
    async def end(ctx: Context, way: Way) -> Any:
        if way.way in ENDINGS:
            raise ENDINGS[way.way]
        return RESULTS[way.way]

    @task("bank.look", effects="pure", isolation="process")
    def look(ctx: Context, payload: dict[str, Any]) -> dict[str, Any]:
        ctx.progress(1, 2)
        ctx.log.info("looking")
        own = threading.current_thread() is not threading.main_thread()
        return {"own thread": own, "rate": ctx.state.rate, "queue": ctx.queue, "cancelled": ctx.cancelled}

    @task("bank.book", effects="transactional")
    async def book(ctx: Context, payload: Any) -> str:
        return str(ctx.session)

    register_effects()
    yield
    registry.TASKS.clear()
    registry.TASKS.update(before)


def test_a_task_is_run_by_its_name_with_a_checked_payload() -> None:
    assert run_task("bank.pay", {"amount": "12.50"}) == {"paid": "12.50", "attempt": 1}
    assert run_task("bank.pay", {"amount": Decimal("0.1000000000000000000000001")}, attempt=3) == {
        "paid": "0.1000000000000000000000001",
        "attempt": 3,
    }


def test_a_task_is_run_by_its_handler_with_its_own_model() -> None:
    handler = registry.TASKS["bank.pay"].handler
    assert run_task(handler, Claim(amount=Decimal(5)))["paid"] == "5"


@pytest.mark.parametrize("payload", [{}, {"amount": []}, {"amount": 1, "card": 5}, [], None], ids=repr)
def test_a_payload_that_a_submit_would_refuse_is_invalid(payload: Any) -> None:
    with pytest.raises(Invalid, match="payload") as refused:
        run_task("bank.pay", payload)
    assert refused.value.problems


@pytest.mark.parametrize("payload", [{"amount": float("inf")}, {"amount": {1}}, {"amount": "1" * 2_000_000}])
def test_a_payload_that_is_no_json_or_too_large_is_refused(payload: Any) -> None:
    with pytest.raises(Exception, match="payload"):
        run_task("bank.pay", payload)


def test_a_payload_that_only_the_handlers_type_refuses_ends_as_in_a_worker() -> None:
    with pytest.raises(PayloadRefused, match="card: Value error, nobody has this card"):
        run_task("bank.pay", {"amount": 1, "card": "0000"})


@pytest.mark.parametrize("way", ENDINGS)
def test_what_a_handler_raises_reaches_the_test(way: str) -> None:
    with pytest.raises(type(ENDINGS[way])) as raised:
        run_task("bank.end", {"way": way})
    assert raised.value is ENDINGS[way]


def test_a_traceback_tells_of_nothing_but_what_the_handler_raised() -> None:
    with pytest.raises(Invalid) as refused:
        run_task("bank.pay", {})
    assert refused.value.__context__ is None
    with pytest.raises(KeyError) as raised:
        run_task("bank.end", {"way": "nowhere"})
    assert raised.value.__context__ is None


def test_results_come_back_as_a_client_gets_them() -> None:
    assert run_task("bank.end", {"way": "none"}) is None
    assert run_task("bank.end", {"way": "deep"}) == {"a": [1, Decimal("2.5")]}


@pytest.mark.parametrize("way", ["nan", "object"])
def test_a_result_that_cannot_be_kept_is_refused_as_in_a_worker(way: str) -> None:
    with pytest.raises(ResultRefused):
        run_task("bank.end", {"way": way})


def test_an_effect_is_called_with_a_key_and_comes_back_as_plain_json() -> None:
    told = run_task("bank.charge", {"amount": 1})
    job_id, ordinal, digits = told["key"].split(".")
    assert (UUID(job_id).version, ordinal, len(digits), told["paid"]) == (7, "1", 8, [1, 2])


def test_an_effect_of_a_synchronous_handler_comes_back_as_its_type() -> None:
    assert run_task("bank.charge_sync", {"amount": 1}) == 1


@pytest.mark.parametrize(("effects", "refused"), [("unsafe", EffectInDoubt), ("keyed", EffectOpen)])
def test_a_handler_that_swallows_an_unknown_outcome_does_not_succeed(effects: str, refused: type[Exception]) -> None:
    with pytest.raises(refused, match="charge"):
        run_task("bank.swallow", {"way": effects})


def test_an_unsafe_effect_of_a_task_that_is_not_unsafe_is_refused_in_its_test_already() -> None:
    with pytest.raises(Misconfigured, match=r"task bank\.charge_rashly is unsafe: say effects='unsafe' in its @task"):
        run_task("bank.charge_rashly", {"amount": 1})


def test_a_synchronous_handler_runs_in_a_thread_and_sees_its_state() -> None:
    assert run_task("bank.look", {}, state={"rate": 3}) == {
        "own thread": True,
        "rate": 3,
        "queue": "default",
        "cancelled": False,
    }


async def test_in_a_running_loop_the_other_form_is_asked_for() -> None:
    with pytest.raises(Misconfigured, match="use `await run_task_async"):
        run_task("bank.pay", {"amount": 1})
    assert (await run_task_async("bank.pay", {"amount": 1}))["paid"] == "1"


async def test_a_transactional_task_asks_for_a_session_and_others_get_none() -> None:
    session: Any = "the test's session"
    assert await run_task_async("bank.book", {}, session=session) == "the test's session"
    with pytest.raises(Misconfigured, match=r"task bank\.book needs session"):
        await run_task_async("bank.book", {})
    with pytest.raises(Misconfigured, match=r"task bank\.pay is not transactional"):
        await run_task_async("bank.pay", {"amount": 1}, session=session)


def test_a_task_that_nobody_registered_says_what_to_do() -> None:
    with pytest.raises(Misconfigured, match=r"no task bank\.gone is registered: import the module"):
        run_task("bank.gone", {})


async def test_a_context_serves_a_handler_that_the_test_calls_itself() -> None:
    job_id = UUID(int=7)
    context = context_for("bank.pay", attempt=2, state={"bank": "b"}, job_id=job_id)
    assert (context.job_id, context.attempt, context.state.bank) == (job_id, 2, "b")
    receipt = await registry.TASKS["bank.pay"].handler(context, Claim(amount=Decimal(1)))
    assert receipt == Receipt(paid=Decimal(1), attempt=2)
