"""What becomes of an attempt whose executor is gone: the ledger decides whether it may run again, a budget pays.

Errors are what a handler said; losses are started attempts that vanished; unstarted claims never reached a handler.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fate = Literal["started", "unstarted", "bystander", "unknown"]
Verdict = Literal["again", "in doubt", "lost", "never started"]


@dataclass(frozen=True)
class Rescue:
    """One verdict, and which budget pays: run again, wait for a person, or fail as lost or never started."""

    verdict: Verdict
    loss: int
    unstarted: int


def judge(fate: Fate, in_doubt: bool, losses: int, unstarted: int, *, loss_limit: int, limit: int) -> Rescue:
    """Judge one lost attempt.

    `started`: its handler ran and it is a suspect. `bystander`: its handler ran, but another job is known to be the
    culprit, so nothing is charged. `unstarted`: it only waited in the executor. `unknown`: the supervisor that knew
    is gone too; charged as unstarted, or three host crashes would quarantine every prefetched job. `in_doubt`: the
    ledger holds an open effect that must not be repeated blindly; no budget overrules that.
    """
    loss, never_started = int(fate == "started"), int(fate in ("unstarted", "unknown"))
    if in_doubt:
        return Rescue("in doubt", loss, never_started)
    if losses + loss >= loss_limit and loss:
        return Rescue("lost", loss, never_started)
    if unstarted + never_started >= limit and never_started:
        return Rescue("never started", loss, never_started)
    return Rescue("again", loss, never_started)
