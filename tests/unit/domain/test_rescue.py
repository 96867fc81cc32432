"""The verdict on lost attempts: every effect class, every fate, and the limits of both budgets."""

from __future__ import annotations

from typing import get_args

import pytest

from easyflow.domain.rescue import Fate, Rescue, verdict
from easyflow.domain.states import Effects

AGAIN = [Effects.PURE, Effects.TRANSACTIONAL]
OUTSIDE = [Effects.KEYED, Effects.QUERYABLE, Effects.UNSAFE]

TABLE: dict[tuple[Fate, bool], Rescue] = {
    ("started", True): Rescue(1, 0, None),
    ("started", False): Rescue(1, 0, "lost, outcome unknown"),
    ("bystander", True): Rescue(0, 0, None),
    ("bystander", False): Rescue(0, 0, "lost, outcome unknown"),
    ("unstarted", True): Rescue(0, 1, None),
    ("unstarted", False): Rescue(0, 1, None),
    ("unknown", True): Rescue(0, 1, None),
    ("unknown", False): Rescue(0, 1, "lost, outcome unknown"),
}


def judged(effects: Effects, fate: Fate, losses: int = 0, unstarted: int = 0) -> Rescue:
    return verdict(effects, fate, losses, unstarted, loss_limit=3, limit=10)


@pytest.mark.parametrize("fate", get_args(Fate))
@pytest.mark.parametrize("effects", Effects)
def test_a_first_loss_is_judged_by_fate_and_effects(effects: Effects, fate: Fate) -> None:
    assert judged(effects, fate) == TABLE[fate, effects in AGAIN]


def test_the_table_has_a_line_for_every_fate_and_the_classes_are_all_there() -> None:
    assert {fate for fate, _ in TABLE} == set(get_args(Fate))
    assert sorted(AGAIN + OUTSIDE) == sorted(Effects)


@pytest.mark.parametrize("effects", AGAIN)
def test_the_loss_that_reaches_the_limit_fails_the_job(effects: Effects) -> None:
    assert judged(effects, "started", losses=1) == Rescue(1, 0, None)
    assert judged(effects, "started", losses=2) == Rescue(1, 0, "lost")


@pytest.mark.parametrize("effects", Effects)
def test_the_unstarted_claim_that_reaches_the_limit_fails_the_job(effects: Effects) -> None:
    assert judged(effects, "unstarted", unstarted=8) == Rescue(0, 1, None)
    assert judged(effects, "unstarted", unstarted=9) == Rescue(0, 1, "never started")


@pytest.mark.parametrize("effects", AGAIN)
def test_the_budgets_are_never_mixed(effects: Effects) -> None:
    assert judged(effects, "started", losses=0, unstarted=100).reason is None
    assert judged(effects, "unstarted", losses=100, unstarted=0).reason is None
    assert judged(effects, "bystander", losses=100, unstarted=100) == Rescue(0, 0, None)


@pytest.mark.parametrize("effects", AGAIN)
def test_three_lost_hosts_do_not_quarantine_a_job_that_may_run_again(effects: Effects) -> None:
    assert judged(effects, "unknown", unstarted=2) == Rescue(0, 1, None)
