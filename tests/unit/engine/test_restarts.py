"""What dies young waits longer each time; what lived long, or was killed for another's fault, does not wait."""

from __future__ import annotations

import pytest

from easyflow.engine.restarts import LONGEST_WAIT_SECONDS, STEADY_SECONDS, Restarts


class Clock:
    """A clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("easyflow.engine.restarts.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The module's clock."""
    return Clock(monkeypatch)


def test_deaths_in_a_row_wait_twice_as_long_each_time(clock: Clock) -> None:
    plan = Restarts()
    assert [plan.wait_seconds(clock.now) for _ in range(4)] == [0.2, 0.4, 0.8, 1.6]
    assert max(plan.wait_seconds(clock.now) for _ in range(10)) == LONGEST_WAIT_SECONDS


def test_a_steady_life_costs_no_wait(clock: Clock) -> None:
    plan = Restarts()
    assert plan.wait_seconds(clock.now - STEADY_SECONDS - 1) == 0.0


def test_a_death_that_was_not_its_own_fault_costs_no_wait(clock: Clock) -> None:
    assert Restarts().wait_seconds(clock.now, blameless=True) == 0.0


def test_crashes_of_long_ago_are_forgotten(clock: Clock) -> None:
    plan = Restarts()
    assert plan.wait_seconds(clock.now) == 0.2
    clock.now += STEADY_SECONDS + 1
    assert plan.wait_seconds(clock.now) == 0.2
