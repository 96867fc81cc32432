"""Effects on the outside: what the ledger knows of them, and what may be done when their outcome is unknown.

The verdict of a lost attempt is computed from its open intents, not from the class its task declares: a handler that
had not begun any effect did nothing outside, and may always run again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from easyflow.domain.states import Effects


class EffectState(StrEnum):
    """What is known of an effect; the same words in database, API and settle."""

    OPEN = "open"
    HAPPENED = "happened"
    DID_NOT_HAPPEN = "did_not_happen"


class DidNotHappen(Exception):
    """Raise from an effect's call, or raise or return it from `reconcile`: it is certain that nothing happened."""


class Unknown(Exception):
    """Raise or return from `reconcile`: the receiver cannot tell either; the job is parked IN_DOUBT for a person."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Return from `reconcile`: the effect happened, with this result (anything that can be kept as JSON)."""

    result: Any = None


@dataclass(frozen=True, slots=True)
class OpenEffect:
    """One intent whose outcome is not recorded; `expired` when its receiver may have forgotten our key."""

    name: str
    effects: Effects
    expired: bool = False

    @property
    def in_doubt(self) -> bool:
        """Whether only a person can say what happened: repeating it could do it twice."""
        return self.effects is Effects.UNSAFE or self.expired


def doubtful(effects: Iterable[OpenEffect]) -> list[OpenEffect]:
    """Return those among open effects that forbid a re-run; empty means that a re-run repeats nothing blindly."""
    return [effect for effect in effects if effect.in_doubt]
