"""How long one waits after wrong keys."""

from __future__ import annotations

import pytest

from easyflow.access.errors import TooManySignIns
from easyflow.access.sign_ins import MOST_FAILURES, WINDOW_SECONDS, SignInLimit


def limit_after(*failures: float) -> SignInLimit:
    limit = SignInLimit()
    for moment in failures:
        limit.check(moment)
        limit.failed(moment)
    return limit


def test_nine_failures_are_let_pass() -> None:
    limit_after(*range(MOST_FAILURES - 1)).check(MOST_FAILURES)


@pytest.mark.parametrize(("now", "wait"), [(9.0, 51), (30.5, 30), (59.9, 1)])
def test_the_tenth_failure_within_a_minute_names_the_seconds_to_wait(now: float, wait: int) -> None:
    with pytest.raises(TooManySignIns) as refused:
        limit_after(*range(MOST_FAILURES)).check(now)
    assert refused.value.facts == {"retry_after_seconds": wait}


def test_a_minute_after_the_first_failure_one_more_is_let_pass() -> None:
    limit = limit_after(*range(MOST_FAILURES))
    limit.check(WINDOW_SECONDS)
    limit.failed(WINDOW_SECONDS)
    with pytest.raises(TooManySignIns):
        limit.check(WINDOW_SECONDS)
    limit.check(WINDOW_SECONDS + 1)
