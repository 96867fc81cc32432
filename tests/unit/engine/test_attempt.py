"""What an attempt that ended comes to: by what was raised, why it was stopped, and what its task may do."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from easyflow.context import Context
from easyflow.domain.outcome import Fail, Failed, InDoubt, Outcome, PutBack, Retry, Snooze, Stopped, Succeeded
from easyflow.domain.retry import RetryPolicy
from easyflow.domain.states import Effects
from easyflow.engine.attempt import Attempt, ProcessStopped, StopReason
from easyflow.engine.values import PayloadRefused, ResultRefused, read_payload, succeeded
from easyflow.errors import EffectInDoubt, EffectOpen
from easyflow.registry import TaskType
from tests.support.ledger_book import MemoryBook


async def handler(ctx: Context, payload: Any) -> Any:
    """Do nothing."""


def task(effects: str = "pure", payload: Any = Any, result: Any = Any) -> TaskType:
    return TaskType(
        "t", handler, Effects(effects), "default", RetryPolicy(max_attempts=3), 30.0, "shared", payload, result
    )


def attempt(
    effects: str = "pure", *, retry_count: int = 0, stop: StopReason | None = None, started_at: float | None = 1.0
) -> Attempt:
    row: Any = {
        "job_id": uuid4(),
        "task": "t",
        "queue": "default",
        "lease_no": 1,
        "retry_count": retry_count,
        "max_attempts": None,
        "timeout_seconds": None,
        "losses": 0,
        "claim_token": uuid4(),
        "payload": "{}",
    }
    made = Attempt(row, task(effects), SimpleNamespace(), MemoryBook(), 1000, started_at=started_at, begun=True)
    made.stop = stop
    return made


def kind(outcome: Outcome) -> str:
    if isinstance(outcome, PutBack):
        return outcome.outcome
    if isinstance(outcome, Stopped):
        return f"stopped: {kind(outcome.outcome)}"
    return outcome.reason if isinstance(outcome, Failed) else type(outcome).__name__


CANCELLED = asyncio.CancelledError()


@pytest.mark.parametrize("effects", Effects)
@pytest.mark.parametrize(
    ("raised", "stop", "expected"),
    [
        (ValueError("x"), None, "retried"),
        (SystemExit(0), None, "retried"),
        (KeyboardInterrupt(), None, "retried"),
        (CANCELLED, None, "retried"),
        (Fail("x"), None, "handler gave up"),
        (Snooze(5), None, "snoozed"),
        (Retry("x", after=2), None, "retried"),
        (PayloadRefused("x"), None, "payload does not fit the task"),
        (ResultRefused("x"), None, "result cannot be stored"),
        (CANCELLED, "cancel", "cancelled"),
        (CANCELLED, "drain", "HandedBack"),
        (ValueError("asked to stop"), "drain", "HandedBack"),
        (Fail("x"), "drain", "handler gave up"),
        (CANCELLED, "deadline", "retried"),
        (ValueError("asked to stop"), "deadline", "retried"),
    ],
)
def test_what_was_raised_is_judged_by_why_it_was_stopped_whatever_its_task_may_do(
    raised: BaseException, effects: Effects, stop: StopReason | None, expected: str
) -> None:
    assert kind(attempt(effects, stop=stop).outcome_of(raised)) == expected


@pytest.mark.parametrize(
    ("stop", "expected"),
    [("cancel", "stopped: cancelled"), ("drain", "stopped: HandedBack"), ("deadline", "stopped: retried")],
)
def test_what_is_stopped_in_a_process_of_its_own_is_left_to_the_ledger_there(stop: StopReason, expected: str) -> None:
    away = attempt("unsafe", stop=stop)
    away.apart = True
    assert kind(away.outcome_of(ProcessStopped())) == expected


async def left_open(effects: str, stop: StopReason | None = None) -> Attempt:
    """An attempt in which nobody knows what became of an effect."""

    def time_out(*asked: Any) -> None:
        raise TimeoutError

    made = attempt(effects)
    with pytest.raises(TimeoutError):
        await made.open_context().effect("charge", time_out, reconcile=time_out)
    made.stop = stop
    return made


ENDINGS: list[tuple[BaseException, StopReason | None, str]] = [
    (ValueError("x"), None, "retried"),
    (SystemExit(0), None, "retried"),
    (Fail("x"), None, "handler gave up"),
    (Snooze(5), None, "snoozed"),
    (Retry("x", after=2), None, "retried"),
    (ResultRefused("x"), None, "result cannot be stored"),
    (CANCELLED, "cancel", "cancelled"),
    (CANCELLED, "drain", "HandedBack"),
    (ValueError("asked to stop"), "drain", "HandedBack"),
    (CANCELLED, "deadline", "retried"),
    (ValueError("asked to stop"), "deadline", "retried"),
]


@pytest.mark.parametrize(("raised", "stop", "expected"), ENDINGS)
async def test_with_an_unsafe_effect_open_it_waits_for_a_person_however_it_ended(
    raised: BaseException, stop: StopReason | None, expected: str
) -> None:
    outcome = (await left_open("unsafe", stop)).outcome_of(raised)
    assert isinstance(outcome, InDoubt)
    assert outcome.reason == "effect charge (unsafe): it may or may not have happened"
    assert outcome.fault.type.endswith("DeadlinePassed" if stop == "deadline" else type(raised).__name__)


@pytest.mark.parametrize("effects", ["keyed", "queryable"])
@pytest.mark.parametrize(("raised", "stop", "expected"), ENDINGS)
async def test_with_an_effect_open_that_a_re_run_can_clear_it_ends_as_any_other(
    raised: BaseException, stop: StopReason | None, expected: str, effects: str
) -> None:
    assert kind((await left_open(effects, stop)).outcome_of(raised)) == expected


async def test_a_thread_that_does_not_stop_is_abandoned_by_what_its_ledger_holds() -> None:
    assert kind((await left_open("unsafe", "drain")).abandoned()) == "InDoubt"
    assert kind((await left_open("keyed", "drain")).abandoned()) == "HandedBack"
    assert kind(attempt("unsafe", stop="drain").abandoned()) == "HandedBack"


async def test_nothing_succeeds_while_the_outcome_of_an_effect_is_not_known() -> None:
    with pytest.raises(EffectInDoubt, match="charge"):
        (await left_open("unsafe")).conclude("done")
    with pytest.raises(EffectOpen, match="charge"):
        (await left_open("keyed")).conclude("done")
    assert attempt("unsafe").conclude("done") == Succeeded('"done"')


def test_what_was_never_begun_goes_back_whatever_its_effects() -> None:
    assert kind(attempt("unsafe", stop="drain", started_at=None).outcome_of(CANCELLED)) == "HandedBack"


def test_the_last_attempt_is_not_tried_again_unless_it_only_snoozes() -> None:
    last = attempt(retry_count=2)
    assert kind(last.outcome_of(ValueError("x"))) == "attempts exhausted"
    assert kind(last.outcome_of(Snooze(1))) == "snoozed"
    assert kind(last.outcome_of(Retry(after=1))) == "attempts exhausted"


def test_a_wait_that_a_handler_names_is_kept_within_bounds() -> None:
    for asked, kept in [(5.0, 5.0), (-1.0, 0.0), (float("nan"), 0.0), (float("inf"), 366 * 86_400.0)]:
        outcome = attempt().outcome_of(Retry("x", after=asked))
        assert isinstance(outcome, PutBack)
        assert outcome.delay_seconds == kept


def test_a_deadline_says_how_long_it_was_and_where_the_handler_stood() -> None:
    outcome = attempt(stop="deadline").outcome_of(CANCELLED)
    assert isinstance(outcome, PutBack)
    assert outcome.fault is not None
    assert (outcome.fault.type, outcome.fault.message) == ("DeadlinePassed", "not done within 30 s")


def test_nothing_that_is_raised_leaves_an_attempt_without_an_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    snooze = Snooze(1)
    monkeypatch.setattr(snooze, "after", "a while")
    outcome = attempt().outcome_of(snooze)
    assert isinstance(outcome, PutBack)
    assert outcome.outcome == "retried"
    assert outcome.fault is not None
    assert outcome.fault.type == "TypeError"


async def test_an_attempt_that_has_not_had_its_first_step_is_told_but_not_cancelled() -> None:
    waiting = attempt()
    waiting.begun = False
    waiting.handle = asyncio.get_running_loop().create_task(asyncio.sleep(0))
    waiting.ask_to_stop("cancel")
    await waiting.handle
    assert (waiting.stop, waiting.handle.cancelled()) == ("cancel", False)


async def test_the_first_reason_to_stop_is_the_one_that_counts() -> None:
    running = attempt()
    context = running.open_context()
    running.ask_to_stop("deadline")
    running.ask_to_stop("drain")
    assert (running.stop, context.cancelled) == ("deadline", True)


def test_a_number_with_more_digits_than_a_float_has_keeps_them() -> None:
    assert str(read_payload(task(), '{"amount": 12345678901234567.89}')["amount"]) == "12345678901234567.89"
    assert read_payload(task(), '{"amount": 0.5}') == {"amount": 0.5}


def test_a_payload_that_does_not_fit_is_refused_by_place_and_without_its_values() -> None:
    with pytest.raises(PayloadRefused) as refused:
        read_payload(task(payload=dict[str, int]), '{"card": "4111-secret"}')
    assert str(refused.value).startswith("card: ")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("value", "text"), [(None, None), ({"a": 1}, '{"a":1}'), ("é", '"é"'), ([None], "[null]")])
def test_a_result_is_kept_as_json_and_none_as_nothing(value: Any, text: str | None) -> None:
    assert succeeded(task(), value, 1000) == Succeeded(text)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"rate": float("nan")}, "not finite"),
        ([(1, float("inf"))], "not finite"),
        ("a\x00b", "result"),
        ("\ud800", "not JSON"),
        ("é" * 501, "1004 bytes"),
        (object(), "not JSON"),
    ],
)
def test_a_result_that_cannot_be_kept_is_refused_with_a_reason(value: Any, why: str) -> None:
    with pytest.raises(ResultRefused, match=why):
        succeeded(task(), value, 1000)


def test_a_result_of_another_type_than_promised_is_refused() -> None:
    with pytest.raises(ResultRefused):
        succeeded(task(result=int), "seven", 1000)
