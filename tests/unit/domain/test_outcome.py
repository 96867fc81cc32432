"""What a handler said, turned into how its attempt ended."""

from __future__ import annotations

from typing import get_args

import pytest

from easyflow.domain.outcome import (
    LONGEST_SNOOZE_SECONDS,
    Fail,
    Failed,
    Fault,
    Outcome,
    PutBack,
    Retry,
    Snooze,
    Word,
    decide,
    word_of,
)
from easyflow.domain.retry import RetryPolicy

FAULT = Fault("ValueError", "no")
EXHAUSTED = Failed("attempts exhausted", FAULT)


def decided(
    word: Word,
    after: float | None = None,
    retry_count: int = 0,
    max_attempts: int | None = None,
) -> Outcome:
    """Decide with three attempts, a first wait of 2 s and a chance of one half."""
    return decide(
        word,
        after,
        FAULT,
        policy=RetryPolicy(max_attempts=3, first_seconds=2.0),
        retry_count=retry_count,
        max_attempts=max_attempts,
        chance=0.5,
    )


TABLE: dict[str, tuple[Word, float | None, int, Outcome]] = {
    "an error waits for its back-off": ("error", None, 0, PutBack("retried", 1.0, FAULT)),
    "a second error waits longer": ("error", None, 1, PutBack("retried", 2.0, FAULT)),
    "the last error fails": ("error", None, 2, EXHAUSTED),
    "a retry waits as it says": ("Retry", 7.0, 0, PutBack("retried", 7.0, FAULT)),
    "a retry at once": ("Retry", 0.0, 0, PutBack("retried", 0.0, FAULT)),
    "a retry that says nothing waits for its back-off": ("Retry", None, 0, PutBack("retried", 1.0, FAULT)),
    "a retry spends the budget": ("Retry", 7.0, 2, EXHAUSTED),
    "a snooze is no error": ("Snooze", 9.0, 0, PutBack("snoozed", 9.0, None)),
    "a snooze spends no budget": ("Snooze", 9.0, 99, PutBack("snoozed", 9.0, None)),
    "a handler that gives up fails at once": ("Fail", None, 0, Failed("handler gave up", FAULT)),
    "a timeout is an error like any other": ("DeadlinePassed", None, 0, PutBack("retried", 1.0, FAULT)),
    "the last timeout fails": ("DeadlinePassed", None, 2, EXHAUSTED),
}


@pytest.mark.parametrize("case", TABLE)
def test_what_a_handler_says_decides(case: str) -> None:
    word, after, retry_count, outcome = TABLE[case]
    assert decided(word, after, retry_count=retry_count) == outcome


def test_the_table_has_a_line_for_every_word() -> None:
    assert {word for word, *_ in TABLE.values()} == set(get_args(Word))


def test_the_jobs_own_number_of_attempts_counts() -> None:
    assert decided("error", max_attempts=1) == EXHAUSTED
    assert isinstance(decided("error", retry_count=8, max_attempts=10), PutBack)


@pytest.mark.parametrize(
    ("asked", "given"),
    [(-5.0, 0.0), (float("nan"), 0.0), (float("inf"), LONGEST_SNOOZE_SECONDS), (1e300, LONGEST_SNOOZE_SECONDS)],
)
def test_a_wait_stays_inside_what_a_timestamp_can_carry(asked: float, given: float) -> None:
    assert decided("Snooze", asked) == PutBack("snoozed", given, None)
    assert decided("Retry", asked) == PutBack("retried", given, FAULT)


@pytest.mark.parametrize(
    ("raised", "word"),
    [
        (Snooze(1.0), "Snooze"),
        (Retry(after=1.0), "Retry"),
        (Fail("no", code="x"), "Fail"),
        (ValueError(), "error"),
        (TimeoutError(), "error"),
        (KeyboardInterrupt(), "error"),
    ],
)
def test_what_is_raised_is_a_word_of_ours_or_an_error(raised: BaseException, word: Word) -> None:
    assert word_of(raised) == word


def test_a_word_of_ours_that_somebody_derived_from_is_the_same_word() -> None:
    class Busy(Retry):
        pass

    assert word_of(Busy("later")) == "Retry"
