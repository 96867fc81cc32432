"""How far each attempt of a dead executor had come, and which one is to blame."""

from __future__ import annotations

from typing import Any, cast
from uuid import uuid4

from easyflow.engine.child import Child
from easyflow.engine.marks import Marks

SUSPECT, APART, LATE, OTHER = (bytes([n]) * 16 for n in range(4))


def child() -> Child:
    """An executor that runs one attempt among others, one apart, and one past its deadline."""
    marks = Marks.create(4)
    marks.begin(SUSPECT, 100.0)
    marks.begin(APART, 100.0, apart=True)
    marks.begin(LATE, 10.0)
    return Child(uuid4(), cast(Any, None), marks, cast(Any, None))


def test_when_nobody_knows_the_culprit_all_that_shared_the_process_are_suspects() -> None:
    assert child().fates() == {SUSPECT: "started", APART: "unknown", LATE: "started"}


def test_one_that_ran_apart_and_died_of_itself_is_to_blame_whatever_becomes_of_its_executor() -> None:
    executor = child()
    slot = executor.marks.begin(OTHER, 100.0, apart=True)
    executor.marks.vanished(slot)
    assert executor.fates() == {SUSPECT: "started", APART: "unknown", LATE: "started", OTHER: "started"}


def test_a_known_culprit_alone_is_to_blame() -> None:
    killed = child()
    killed.culprits = killed.overdue(50.0)
    assert killed.culprits == {LATE}
    assert killed.fates() == {SUSPECT: "bystander", APART: "bystander", LATE: "started"}


def test_when_the_supervisor_ends_it_for_its_own_reasons_nobody_is_to_blame() -> None:
    killed = child()
    killed.culprits = set()
    assert set(killed.fates().values()) == {"bystander"}


def test_what_was_only_claimed_is_not_told_at_all() -> None:
    assert bytes([9]) * 16 not in child().fates()
