"""What becomes of an attempt whose executor is gone: the three budgets decide, never mixed.

Errors are what a handler said; losses are started attempts that vanished; unstarted claims never reached a handler.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from easyflow.domain.states import RERUNNABLE, Effects

Fate = Literal["started", "unstarted", "bystander", "unknown"]


@dataclass(frozen=True)
class Rescue:
    """One verdict: run again (`reason` None) or fail with `reason`; and which budget pays."""

    loss: int
    unstarted: int
    reason: Literal["lost", "lost, outcome unknown", "never started"] | None


def verdict(effects: Effects, fate: Fate, losses: int, unstarted: int, *, loss_limit: int, limit: int) -> Rescue:
    """Judge one lost attempt.

    `started`: its handler ran and it is a suspect. `bystander`: its handler ran, but another job is known to be the
    culprit, so nothing is charged. `unstarted`: it only waited in the executor. `unknown`: the supervisor that knew
    is gone too; charged as unstarted, or three host crashes would quarantine every prefetched job, but a task with
    effects outside the database may have begun and is not run again blindly.
    """
    if fate in ("started", "bystander", "unknown") and effects not in RERUNNABLE:
        return Rescue(int(fate == "started"), int(fate == "unknown"), "lost, outcome unknown")
    if fate == "started":
        return Rescue(1, 0, "lost" if losses + 1 >= loss_limit else None)
    if fate == "bystander":
        return Rescue(0, 0, None)
    return Rescue(0, 1, "never started" if unstarted + 1 >= limit else None)
