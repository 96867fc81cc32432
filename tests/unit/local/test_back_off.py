"""When something that died may start again."""

from __future__ import annotations

from easyflow.local.back_off import BackOff, ending


class Clock:
    """Time that moves when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def deaths(back_off: BackOff, clock: Clock, lives: list[float]) -> list[float | None]:
    """The waits after lives of these lengths, each new start coming right after its wait."""
    waits = []
    for life in lives:
        back_off.note_start()
        clock.now += life
        wait = back_off.note_death()
        waits.append(wait)
        clock.now += wait or 0
    return waits


def test_the_wait_doubles_at_each_early_death_up_to_the_most() -> None:
    clock = Clock()
    waits = deaths(BackOff(0.5, most_seconds=3, clock=clock), clock, [1, 1, 1, 1, 1])
    assert waits == [0.5, 1, 2, 3, 3]


def test_the_wait_is_short_again_after_a_steady_life() -> None:
    clock = Clock()
    assert deaths(BackOff(0.5, clock=clock), clock, [1, 1, 29.9, 30, 1]) == [0.5, 1, 2, 0.5, 1]


def test_one_death_is_noted_once_and_due_only_after_the_wait() -> None:
    clock = Clock()
    back_off = BackOff(0.5, clock=clock)
    back_off.note_start()
    due = [back_off.is_due]
    assert back_off.note_death() == 0.5
    assert back_off.note_death() is None
    for step in (0.4, 0.2):
        clock.now += step
        due.append(back_off.is_due)
    back_off.note_start()
    due.append(back_off.is_due)
    assert due == [False, False, True, False]


def test_an_ending_is_told_in_words() -> None:
    assert ending(3) == "ended with exit code 3"
    assert ending(-9) == "was killed by signal 9 (Killed)"
