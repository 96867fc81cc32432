"""Where a map stands: its window, the failures it bears, and its end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from easyflow.domain.workflow.maps import MOST_JOBS_AT_ONCE, MapFact
from easyflow.domain.workflow.states import StepState


def fact(items: int, made: int = 0, succeeded: int = 0, failed: int = 0, **facts: float) -> MapFact:
    bounds = {"concurrency": 10, "tolerated_failures": 0, "tolerated_percent": 0.0, **facts}
    return MapFact(items, made, succeeded, failed, 0, -1, **bounds)  # type: ignore[arg-type]


def test_jobs_are_made_when_half_of_the_window_is_free_and_never_beyond_it() -> None:
    assert fact(100).wanted(1) == 10
    assert fact(100, made=10, succeeded=4).wanted(1) == 0
    assert fact(100, made=10, succeeded=5).wanted(1) == 5
    assert fact(100, made=10, succeeded=10).wanted(1) == 10
    assert fact(12, made=10, succeeded=10).wanted(1) == 2


def test_a_window_counts_jobs_so_that_batches_hold_more_items() -> None:
    assert fact(1000).wanted(50) == 500


def test_no_more_than_some_hundred_jobs_are_made_in_one_transaction() -> None:
    assert fact(1_000_000, concurrency=100_000).wanted(1) == MOST_JOBS_AT_ONCE


def test_the_larger_of_count_and_share_may_fail() -> None:
    assert fact(1000, tolerated_failures=3).tolerated == 3
    assert fact(1000, tolerated_percent=2.0).tolerated == 20
    assert fact(1000, tolerated_failures=30, tolerated_percent=2.0).tolerated == 30
    assert fact(49, tolerated_percent=2.0).tolerated == 0


def test_a_map_that_bears_no_more_failures_makes_no_more_jobs_and_ends_when_its_last_has() -> None:
    broken = fact(100, made=10, succeeded=3, failed=1)
    assert broken.wanted(1) == 0
    assert broken.ending() is None
    broken.succeeded = 9
    assert broken.ending() is StepState.FAILED
    assert broken.reason() == "1 of 100 items failed, and 0 are tolerated"


@given(
    items=st.integers(1, 300), batch=st.integers(1, 40), concurrency=st.integers(1, 20), data=st.data(),
    percent=st.floats(0, 100),
)  # fmt: skip
def test_whatever_fails_a_map_comes_to_its_end_within_its_window(
    items: int, batch: int, concurrency: int, data: st.DataObject, percent: float
) -> None:
    each = fact(items, concurrency=concurrency, tolerated_percent=percent)
    jobs: list[int] = []
    while each.ending() is None:
        wanted = each.wanted(batch)
        for first in range(0, wanted, batch):
            jobs.append(min(batch, wanted - first))
        each.made += wanted
        assert each.live <= concurrency * batch
        assert len(jobs) <= concurrency
        assert jobs, "it stands still"
        held = jobs.pop(data.draw(st.integers(0, len(jobs) - 1)))
        bad = data.draw(st.sampled_from([0, held]))
        each.failed += bad
        each.succeeded += held - bad
    assert each.live == 0
    assert each.ending() is (StepState.FAILED if each.failed > each.tolerated else StepState.SUCCEEDED)
    assert each.broken or each.made == items
