"""What an attempt that ended comes to: by what was raised, why it was stopped, and what its task may do."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from easyflow.context import Context
from easyflow.domain.outcome import Fail, Failed, Outcome, PutBack, Retry, Snooze, Succeeded
from easyflow.domain.retry import RetryPolicy
from easyflow.domain.states import Effects
from easyflow.engine.attempt import (
    Attempt,
    PayloadRefused,
    ProcessStopped,
    ResultRefused,
    StopReason,
    read_payload,
    succeeded,
)
from easyflow.registry import TaskType


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
    }
    made = Attempt(row, task(effects), SimpleNamespace(), started_at=started_at, begun=True)
    made.stop = stop
    return made


def kind(outcome: Outcome) -> str:
    if isinstance(outcome, PutBack):
        return outcome.outcome
    return outcome.reason if isinstance(outcome, Failed) else type(outcome).__name__


CANCELLED = asyncio.CancelledError()
UNKNOWN = "timed out, outcome unknown"
DRAINED = "drained, outcome unknown"


@pytest.mark.parametrize(
    ("raised", "effects", "stop", "expected"),
    [
        (ValueError("x"), "pure", None, "retried"),
        (ValueError("x"), "unsafe", None, "retried"),
        (SystemExit(0), "pure", None, "retried"),
        (KeyboardInterrupt(), "pure", None, "retried"),
        (CANCELLED, "pure", None, "retried"),
        (Fail("x"), "pure", None, "handler gave up"),
        (Snooze(5), "unsafe", None, "snoozed"),
        (Retry("x", after=2), "unsafe", None, "retried"),
        (PayloadRefused("x"), "pure", None, "payload does not fit the task"),
        (ResultRefused("x"), "pure", None, "result cannot be stored"),
        (CANCELLED, "pure", "cancel", "cancelled"),
        (ProcessStopped(), "unsafe", "cancel", "cancelled"),
        (CANCELLED, "pure", "drain", "HandedBack"),
        (ProcessStopped(), "transactional", "drain", "HandedBack"),
        (ValueError("asked to stop"), "pure", "drain", "HandedBack"),
        (ValueError("asked to stop"), "keyed", "drain", "retried"),
        (Fail("x"), "pure", "drain", "handler gave up"),
        (CANCELLED, "keyed", "drain", DRAINED),
        (CANCELLED, "unsafe", "drain", DRAINED),
        (CANCELLED, "pure", "deadline", "retried"),
        (ValueError("asked to stop"), "transactional", "deadline", "retried"),
        (CANCELLED, "queryable", "deadline", UNKNOWN),
        (ProcessStopped(), "unsafe", "deadline", UNKNOWN),
    ],
)
def test_what_was_raised_is_judged_by_why_it_was_stopped(
    raised: BaseException, effects: str, stop: StopReason | None, expected: str
) -> None:
    assert kind(attempt(effects, stop=stop).outcome_of(raised)) == expected


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
