"""Nothing goes wrong in any state of the small worlds, and without any one of their guards something does."""

from __future__ import annotations

from functools import cache

import pytest

from easyflow.domain.transitions import TRANSITIONS
from tests.explorer.guards import Guards
from tests.explorer.search import TABLE, Explored, Move
from tests.explorer.worlds import GUARDS, OUT_OF_SCOPE, PLACES, Place, moves_taken

BROKEN = [(place, guard) for place in PLACES for guard in place.guards]


@cache
def whole(place: Place) -> Explored:
    return place.explored()


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_with_every_guard_nothing_goes_wrong_in_any_state(place: Place) -> None:
    found = whole(place)
    assert found.breach is None, str(found)
    assert found.states > 50


@pytest.mark.parametrize(("place", "guard"), BROKEN, ids=[guard for _, guard in BROKEN])
def test_without_a_guard_something_goes_wrong_and_the_way_there_is_told(place: Place, guard: str) -> None:
    found = place.explored(guard)
    assert found.breach is not None, f"nothing needs {guard}"
    assert found.trace
    assert str(found).splitlines()[0] == f"{place.name}: {found.breach}"


def test_every_move_of_the_table_is_taken_somewhere_or_out_of_scope_for_a_reason() -> None:
    missing: set[Move] = set(TABLE) - set(OUT_OF_SCOPE)
    for place in PLACES:
        if missing:
            missing -= moves_taken([whole(place)])
    assert missing == set()
    assert set(OUT_OF_SCOPE) <= TABLE
    assert [move for move, reason in OUT_OF_SCOPE.items() if len(reason.split()) < 5] == []


def test_every_guard_is_named_after_a_transition_and_listed_once() -> None:
    assert len(GUARDS) == len(set(GUARDS)) >= 60
    assert {guard.split()[0] for guard in GUARDS} <= {transition.id for transition in TRANSITIONS}


def test_a_guard_nobody_knows_is_refused() -> None:
    with pytest.raises(KeyError):
        Guards(GUARDS, ["T6 tokens"])
    with pytest.raises(KeyError):
        Guards(GUARDS).on("T6 tokens")
