"""A task that took down a process in which it was alone stays apart for a while, and no longer."""

from __future__ import annotations

import pytest

from easyflow.engine.quarantine import QUARANTINE_SECONDS, Quarantine


class Clock:
    """A clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("easyflow.engine.quarantine.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The module's clock."""
    return Clock(monkeypatch)


def test_a_task_is_told_of_once_and_let_go_when_its_time_is_over(clock: Clock) -> None:
    quarantine = Quarantine()
    assert [quarantine.add("a"), quarantine.add("a"), quarantine.add("b")] == [True, False, True]
    assert quarantine.tasks() == ["a", "b"]
    clock.now += QUARANTINE_SECONDS + 1
    assert quarantine.release()
    assert quarantine.tasks() == []
    assert not quarantine.release()


def test_each_death_begins_the_time_anew(clock: Clock) -> None:
    quarantine = Quarantine()
    quarantine.add("a")
    clock.now += QUARANTINE_SECONDS - 1
    quarantine.add("a")
    clock.now += 2
    assert not quarantine.release()
    assert quarantine.tasks() == ["a"]
