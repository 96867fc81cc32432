"""When a failed attempt runs again: bounds of the wait, and the end of it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from easyflow.domain.retry import RetryPolicy

chances = st.floats(0, 1)
counts = st.integers(0, 10_000_000)


@settings(deadline=None)
@given(counts, chances)
def test_a_wait_is_never_negative_and_never_longer_than_the_longest(retry_count: int, chance: float) -> None:
    policy = RetryPolicy(longest_seconds=600.0)
    assert 0 <= policy.delay_seconds(retry_count, chance) <= 600.0


@settings(deadline=None)
@given(st.integers(0, 20), chances)
def test_a_wait_is_within_the_doubled_ceiling(retry_count: int, chance: float) -> None:
    policy = RetryPolicy(first_seconds=0.5, longest_seconds=10.0)
    assert policy.delay_seconds(retry_count, chance) <= min(10.0, 0.5 * 2**retry_count)


def test_the_ceilings_double_from_the_first_to_the_longest() -> None:
    policy = RetryPolicy()
    assert [policy.delay_seconds(n, 1.0) for n in (0, 1, 2, 9, 10, 11)] == [1.0, 2.0, 4.0, 512.0, 600.0, 600.0]


def test_full_jitter_reaches_from_nothing_to_the_ceiling() -> None:
    policy = RetryPolicy(first_seconds=8.0)
    assert [policy.delay_seconds(0, chance) for chance in (0.0, 0.25, 1.0)] == [0.0, 2.0, 8.0]


def test_five_attempts_are_four_retries() -> None:
    policy = RetryPolicy(max_attempts=5)
    assert [policy.allows(n) for n in range(6)] == [True, True, True, True, False, False]


def test_the_limit_of_a_job_goes_over_that_of_its_task() -> None:
    policy = RetryPolicy(max_attempts=5)
    assert [policy.allows(n, max_attempts=2) for n in range(3)] == [True, False, False]
    assert [policy.allows(0, max_attempts=1), policy.allows(7, max_attempts=9)] == [False, True]
