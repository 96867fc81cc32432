"""How much is claimed ahead: nothing until a pace is known, then what starts within 50 ms."""

from __future__ import annotations

import pytest

from easyflow.engine import claimer
from easyflow.engine.claimer import MOST_PER_CLAIM, PREFETCH_SECONDS, Pace


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The claimer's clock."""
    made = Clock()
    monkeypatch.setattr(claimer, "time", made)
    return made


def test_nothing_is_claimed_ahead_before_the_pace_is_known(clock: Clock) -> None:
    pace = Pace()
    assert pace.prefetch() == 0
    for _ in range(1000):
        pace.end()
    assert pace.prefetch() == 0
    assert clock.now == 100.0


def test_at_a_steady_pace_it_is_what_starts_within_the_time_ahead(clock: Clock) -> None:
    pace = Pace()
    for _ in range(20):
        for _ in range(200):
            pace.end()
        clock.now += 0.1
        pace.prefetch()
    assert pace.prefetch() == pytest.approx(2000 * PREFETCH_SECONDS, abs=1)


def test_slow_jobs_are_not_hoarded(clock: Clock) -> None:
    pace = Pace()
    for _ in range(10):
        pace.end()
        clock.now += 1.0
        assert pace.prefetch() == 0


def test_however_fast_it_goes_there_is_a_most(clock: Clock) -> None:
    pace = Pace()
    for _ in range(1_000_000):
        pace.end()
    clock.now += 0.1
    assert pace.prefetch() == 2 * MOST_PER_CLAIM


def test_a_pace_that_is_over_is_forgotten(clock: Clock) -> None:
    pace = Pace()
    for _ in range(1000):
        pace.end()
    clock.now += 0.1
    assert pace.prefetch() > 0
    clock.now += 1.0
    assert pace.prefetch() == 0
