"""The search itself: it sees every state, finds the shortest way to a breach, and what cannot come to rest."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import pytest

from easyflow.domain.states import State
from tests.explorer.search import Step, World, explore


class Counter(World):
    """Counts to `last` by ones or twos; `limit` is where it becomes wrong, `rest` where it may stay."""

    name = "counter"

    def __init__(self, last: int, limit: int = 99, rest: int | None = None) -> None:
        self.last = last
        self.limit = limit
        self.rest = last if rest is None else rest

    def start(self) -> int:
        return 0

    def steps(self, state: int) -> Iterator[Step]:
        for more in (1, 2):
            if state + more <= self.last:
                yield Step(f"adds {more}", state + more)

    def wrong(self, state: int) -> str | None:
        return f"{state} is too much" if state >= self.limit else None

    def at_rest(self, state: int) -> bool:
        return state == self.rest

    def key(self, state: int) -> Hashable:
        return state


class Moving(Counter):
    """Makes a move that the table does not hold."""

    def steps(self, state: int) -> Iterator[Step]:
        yield Step("finishes what nobody runs", state, ("T6", State.READY, State.SUCCEEDED))


class Saved(Counter):
    """Comes to rest only when somebody helps."""

    def steps(self, state: int) -> Iterator[Step]:
        yield Step("somebody helps", self.last, kind="person")


def test_every_state_is_visited_once() -> None:
    assert (explore(Counter(10)).states, explore(Counter(10)).breach) == (11, None)


def test_the_way_to_a_breach_is_the_shortest_one() -> None:
    found = explore(Counter(10, limit=7))
    assert found.breach == "7 is too much"
    assert len(found.trace) == 4
    assert str(found).splitlines()[1:2] == [f"  1. {found.trace[0]}"]


def test_a_move_that_the_table_does_not_hold_is_a_breach() -> None:
    found = explore(Moving(10))
    assert found.breach == "the table of transitions holds no T6 READY -> SUCCEEDED"
    assert found.trace == ["finishes what nobody runs   [T6 READY -> SUCCEEDED]"]


def test_a_state_that_has_no_way_to_rest_is_stuck() -> None:
    found = explore(Counter(10, rest=9))
    assert found.breach is not None
    assert found.breach.startswith("stuck")
    assert len(found.trace) == 5


def test_a_way_that_a_person_must_open_does_not_count() -> None:
    found = explore(Saved(1))
    assert found.breach is not None
    assert found.breach.startswith("stuck")
    assert found.trace == []


def test_a_world_that_grows_without_end_is_refused() -> None:
    with pytest.raises(AssertionError, match="more than 100 states"):
        explore(Counter(10_000, limit=10_001), max_states=100)
