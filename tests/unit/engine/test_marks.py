"""Started marks: one process writes them, another reads them, and a death in between leaves no half mark."""

from __future__ import annotations

import os
import subprocess
import sys
from math import inf
from uuid import uuid4

import pytest

from easyflow.engine.marks import Mark, Marks
from tests.support.waiting import within


@pytest.fixture
def pair() -> tuple[Marks, Marks]:
    """The table as the executor has it, and as its supervisor sees it."""
    written = Marks.create(4)
    return written, Marks(os.dup(written.descriptor), 4)


def test_a_started_attempt_is_seen_until_its_end(pair: tuple[Marks, Marks]) -> None:
    written, seen = pair
    token = uuid4().bytes
    slot = written.begin(token, 12.5, apart=True)
    assert list(seen.started()) == [Mark(token, 12.5, True)]
    written.end(slot)
    assert list(seen.started()) == []


def test_slots_are_used_again(pair: tuple[Marks, Marks]) -> None:
    written, seen = pair
    tokens = [uuid4().bytes for _ in range(4)]
    slots = [written.begin(token, float(n)) for n, token in enumerate(tokens)]
    assert (written.free, len(set(slots))) == (0, 4)
    with pytest.raises(IndexError):
        written.begin(uuid4().bytes, 0.0)
    written.end(slots[1])
    again = uuid4().bytes
    assert written.begin(again, 9.0) == slots[1]
    assert {mark.token for mark in seen.started()} == {tokens[0], again, tokens[2], tokens[3]}


def test_no_deadline_applies_to_an_attempt_that_only_waits_to_be_recorded(pair: tuple[Marks, Marks]) -> None:
    written, seen = pair
    token = uuid4().bytes
    written.over(written.begin(token, 1.0))
    assert list(seen.started()) == [Mark(token, inf, False)]


def test_the_lease_is_told_to_the_executor_without_touching_its_marks(pair: tuple[Marks, Marks]) -> None:
    written, seen = pair
    marks = [written.begin(uuid4().bytes, inf) for _ in range(4)]
    seen.renewed(77.25)
    assert written.lease_until == 77.25
    assert len(list(seen.started())) == len(marks)


def test_what_was_written_outlives_its_writer() -> None:
    marks = Marks.create(2)
    write = f"from easyflow.engine.marks import Marks; Marks({marks.descriptor}, 2).begin(bytes(16), 3.0)"
    subprocess.run([sys.executable, "-c", f"{write}; import os; os._exit(0)"], check=True, pass_fds=[marks.descriptor])
    assert list(marks.started()) == [Mark(bytes(16), 3.0, False)]
    marks.close()


HASTY = """
from easyflow.engine.marks import Marks
marks = Marks({descriptor}, 2)
other = marks.begin(bytes(16), 1e9)
while True:
    slot = marks.begin(bytes(16), 1e9)
    marks.over(slot)
    marks.end(slot)
    marks.over(other)
"""


def test_a_look_in_the_middle_of_a_write_sees_the_time_before_or_behind_it() -> None:
    marks = Marks.create(2)
    writer = subprocess.Popen(
        [sys.executable, "-c", HASTY.format(descriptor=marks.descriptor)], pass_fds=[marks.descriptor]
    )
    try:
        within(10, lambda: list(marks.started()))
        seen = {mark.kill_at for _ in range(300_000) for mark in marks.started()}
    finally:
        writer.kill()
        writer.wait()
    assert seen <= {1e9, inf}
    assert inf in seen
    marks.close()
