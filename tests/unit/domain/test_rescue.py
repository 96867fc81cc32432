"""The verdict on lost attempts: every fate, with and without an effect in doubt, and the limits of both budgets."""

from __future__ import annotations

from typing import get_args

import pytest

from easyflow.domain.rescue import Fate, Rescue, judge

# The loss and the unstarted claim that each fate is charged.
CHARGES: dict[Fate, tuple[int, int]] = {
    "started": (1, 0),
    "bystander": (0, 0),
    "unstarted": (0, 1),
    "unknown": (0, 1),
}
UNSTARTED: list[Fate] = ["unstarted", "unknown"]


def judged(fate: Fate, losses: int = 0, unstarted: int = 0, *, in_doubt: bool = False) -> Rescue:
    return judge(fate, in_doubt, losses, unstarted, loss_limit=3, limit=10)


@pytest.mark.parametrize("fate", get_args(Fate))
def test_a_first_loss_runs_again_and_is_charged_by_its_fate(fate: Fate) -> None:
    assert judged(fate) == Rescue("again", *CHARGES[fate])


def test_the_table_has_a_line_for_every_fate() -> None:
    assert set(CHARGES) == set(get_args(Fate))


@pytest.mark.parametrize("fate", get_args(Fate))
@pytest.mark.parametrize(("losses", "unstarted"), [(0, 0), (2, 9), (100, 100)])
def test_an_effect_in_doubt_waits_for_a_person_whatever_the_fate_and_the_budgets(
    fate: Fate, losses: int, unstarted: int
) -> None:
    assert judged(fate, losses, unstarted, in_doubt=True) == Rescue("in doubt", *CHARGES[fate])


def test_the_loss_that_reaches_the_limit_fails_the_job() -> None:
    assert judged("started", losses=1) == Rescue("again", 1, 0)
    assert judged("started", losses=2) == Rescue("lost", 1, 0)


@pytest.mark.parametrize("fate", UNSTARTED)
def test_the_unstarted_claim_that_reaches_the_limit_fails_the_job(fate: Fate) -> None:
    assert judged(fate, unstarted=8) == Rescue("again", 0, 1)
    assert judged(fate, unstarted=9) == Rescue("never started", 0, 1)


def test_the_budgets_are_never_mixed() -> None:
    assert judged("started", losses=0, unstarted=100) == Rescue("again", 1, 0)
    for fate in UNSTARTED:
        assert judged(fate, losses=100, unstarted=0) == Rescue("again", 0, 1)
    assert judged("bystander", losses=100, unstarted=100) == Rescue("again", 0, 0)


def test_three_lost_hosts_do_not_quarantine_a_job_that_may_run_again() -> None:
    assert judged("unknown", unstarted=2) == Rescue("again", 0, 1)
