"""What docs/reliability.md claims: its tests exist, its reports are complete and not older than what they are about."""

from __future__ import annotations

import re

import pytest

from tests.matrix import report as matrix
from tests.mutation import report as mutation
from tests.soak import report as soak
from tests.support.decisions import is_a_test
from tests.support.documents import table
from tests.support.project import ROOT

TEN = table((ROOT / "docs/reliability.md").read_text(), "no.", "what happens", "the test", "without its guard")
_NAMED = re.compile(r"`([^`]+)`")


def test_ten_tests_are_named() -> None:
    assert [row[0] for row in TEN] == [str(n) for n in range(1, 11)]


@pytest.mark.parametrize("row", TEN, ids=[row[0] for row in TEN])
def test_each_of_the_first_ten_tests_is_there_and_fails_without_its_guard(row: list[str]) -> None:
    guards = {mutant.guard for mutant, _ in mutation.all_mutants(ROOT)}
    assert is_a_test(ROOT, _NAMED.findall(row[2])[-1])
    (without,) = _NAMED.findall(row[3])
    assert without in guards or is_a_test(ROOT, without)


def test_a_test_fails_without_each_guard_of_todays_text() -> None:
    assert mutation.problems(ROOT) == [], "run: make mutate"


def test_every_combination_of_point_class_and_action_was_run() -> None:
    assert matrix.problems(ROOT) == [], "run: make matrix"


def test_the_soak_saw_every_kind_of_fault_and_nothing_that_must_not_be() -> None:
    assert soak.problems(ROOT) == [], "run: make soak DURATION=3600 REPORT=docs/reports/soak.md"
