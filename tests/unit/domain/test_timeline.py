"""What speaks against a database telling the history it told before: one test for each comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from easyflow.domain.states import Effects
from easyflow.domain.timeline import Kept, Memory, Place, View, differences, is_guarded, is_news, lsn, remembered

LINEAGE, WITNESS = UUID(int=1), UUID(int=2)
HERE = Place(7_711_221_743_509_952_015, 1, 16_384)
KEPT = Kept(LINEAGE, 3, 2, "watching", HERE, 5000, None)
VIEW = View(False, HERE, 6000, KEPT, 40)
MEMORY = Memory(LINEAGE, 2, HERE, 6000, WITNESS, 40)
ELSEWHERE = {
    "the system identifier is": replace(HERE, system_identifier=7),
    "the timeline is 2, it was 1: a standby was promoted": replace(HERE, timeline_id=2),
    "the database's oid is 9, it was 16384": replace(HERE, database_oid=9),
}


def kept(**facts: Any) -> Kept:
    return replace(KEPT, **facts)


def test_the_same_place_further_on_is_no_difference() -> None:
    assert differences(VIEW, MEMORY) == []
    assert differences(replace(VIEW, counter=2**40, beats=41), MEMORY) == []
    assert differences(VIEW, None) == []


@pytest.mark.parametrize("says", ELSEWHERE)
def test_another_place_than_the_database_says_is_a_difference(says: str) -> None:
    (said,) = differences(replace(VIEW, place=ELSEWHERE[says]), None)
    assert said.startswith(says)


@pytest.mark.parametrize("says", ELSEWHERE)
def test_another_place_than_the_worker_remembers_is_a_difference(says: str) -> None:
    place = ELSEWHERE[says]
    (said,) = differences(replace(VIEW, place=place, kept=kept(place=place)), MEMORY)
    assert said.startswith(says)
    (once,) = differences(replace(VIEW, place=place), MEMORY)
    assert once == said


def test_what_may_not_be_read_is_not_compared() -> None:
    blind = Place(None, None, HERE.database_oid)
    assert differences(replace(VIEW, place=blind, counter=None), MEMORY) == []
    assert differences(replace(VIEW, kept=kept(place=blind, counter=None)), replace(MEMORY, place=blind)) == []


def test_a_counter_below_the_databases_own_is_a_step_back() -> None:
    (said,) = differences(replace(VIEW, counter=4999), None)
    assert said == "the commit counter is 0/1387, it was 0/1388: the storage went back in time"


def test_a_counter_below_the_remembered_one_is_a_step_back() -> None:
    assert len(differences(replace(VIEW, counter=5999), MEMORY)) == 1
    assert differences(replace(VIEW, counter=6000), MEMORY) == []


@pytest.mark.parametrize("beats", [39, None])
def test_a_mark_that_was_committed_and_is_missing_is_a_step_back(beats: int | None) -> None:
    (said,) = differences(replace(VIEW, beats=beats), MEMORY)
    assert said.startswith("beat 40 of worker 00000000-0000-0000-0000-000000000002 was committed")


def test_a_release_that_is_missing_is_a_step_back() -> None:
    (said,) = differences(replace(VIEW, kept=kept(epoch=1)), MEMORY)
    assert said.startswith("release 1 of this guard is missing")


def test_after_a_release_only_what_the_database_says_counts() -> None:
    released = replace(VIEW, kept=kept(epoch=3), counter=5500, beats=None)
    assert differences(released, MEMORY) == []
    assert len(differences(replace(released, place=replace(HERE, timeline_id=2)), MEMORY)) == 1
    fresh = remembered(released, MEMORY, WITNESS, is_open=True)
    assert fresh == Memory(LINEAGE, 3, HERE, 5500, WITNESS, 0)


def test_another_database_in_its_place_is_a_difference_until_it_is_written_down() -> None:
    other = replace(VIEW, kept=kept(lineage=UUID(int=9)))
    assert "another one is in its place" in differences(other, MEMORY)[0]
    assert remembered(other, MEMORY, WITNESS, is_open=False) == MEMORY
    written = replace(VIEW, kept=kept(lineage=UUID(int=9), state="tripped"))
    assert remembered(written, MEMORY, WITNESS, is_open=False) is None


def test_while_it_is_open_the_memory_follows_and_its_marks_stay() -> None:
    further = replace(VIEW, counter=9000)
    assert remembered(further, MEMORY, UUID(int=5), is_open=True) == replace(MEMORY, counter=9000)
    assert remembered(further, None, WITNESS, is_open=True) == replace(MEMORY, counter=9000, beats=0)
    assert remembered(further, MEMORY, WITNESS, is_open=False) == MEMORY


def test_differences_are_written_down_once_and_again_only_when_there_are_others() -> None:
    moved = replace(VIEW, place=replace(HERE, timeline_id=2))
    assert is_news(KEPT, moved, MEMORY)
    tripped = kept(state="tripped", found=moved.place)
    assert not is_news(tripped, moved, MEMORY)
    assert not is_news(tripped, replace(moved, place=Place(None, None, HERE.database_oid)), MEMORY)
    assert is_news(tripped, replace(VIEW, place=replace(HERE, timeline_id=3)), MEMORY)
    assert is_news(tripped, moved, replace(MEMORY, epoch=4))


@pytest.mark.parametrize(
    ("effects", "window", "guarded"),
    [
        (Effects.UNSAFE, None, True),
        (Effects.KEYED, 60.0, True),
        (Effects.KEYED, None, False),
        (Effects.QUERYABLE, None, False),
        (Effects.PURE, None, False),
        (Effects.TRANSACTIONAL, None, False),
    ],
)
def test_guarded_is_what_must_not_be_repeated_blindly(effects: Effects, window: float | None, guarded: bool) -> None:
    assert is_guarded(effects, window) is guarded


def test_a_position_is_written_as_postgresql_does() -> None:
    assert lsn(0x1_2345_6789) == "1/23456789"
