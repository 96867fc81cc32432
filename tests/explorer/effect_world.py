"""The world of one job with one effect: what may never be, for each class of effects."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from easyflow.domain.states import Effects, State
from tests.explorer import executor_steps, operator_steps, rescue_steps
from tests.explorer.guards import Guards
from tests.explorer.scene import LIMIT, Rules, Scene
from tests.explorer.search import Step

ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELLED)
AT_REST = (*ENDED, State.IN_DOUBT)
OPEN = ("open", "old", "left")


class EffectWorld:
    """One job, two executors, a rescuer, an operator and a receiver outside; `effects` None: nothing is done there."""

    def __init__(self, name: str, effects: Effects | None, guards: Guards, **beginning: Any) -> None:
        """Begin with a READY job; `beginning` says how many faults and acts there may be."""
        self.name = name
        self._rules = Rules(effects, guards)
        self._beginning = beginning

    def start(self) -> Scene:
        """Return the job READY, nobody doing anything."""
        return Scene(**self._beginning)

    def steps(self, state: Scene) -> Iterator[Step]:
        """Everything anybody can do next."""
        yield from executor_steps.steps(self._rules, state)
        yield from rescue_steps.steps(self._rules, state)
        yield from operator_steps.steps(self._rules, state)

    def at_rest(self, state: Scene) -> bool:
        """Whether the job has ended, or waits for a person."""
        return state.state in AT_REST

    def key(self, state: Scene) -> Hashable:
        """Take the two executors for each other's twins."""
        one, two = state.executors
        if one <= two:
            return state
        holder = 1 - state.rescuer.holder if state.rescuer.step != "idle" else 0
        return state._replace(executors=(two, one), rescuer=state.rescuer._replace(holder=holder))

    def wrong(self, state: Scene) -> str | None:
        """The invariant this state breaks."""
        return (
            self._effects(state)
            or _doubt(self._rules, state)
            or _budgets(state, self._beginning.get("settles", 0) - state.settles)
            or _endings(state)
        )

    def _effects(self, s: Scene) -> str | None:
        times = self._rules.times(s)
        if self._rules.effects is Effects.UNSAFE and times > 1 + s.said_not:
            return f"an unsafe effect happened {times} times (I4)"
        if self._rules.effects is Effects.KEYED and times > 1 + s.said_not:
            return f"a keyed effect happened {times} times (I4)"
        if self._rules.effects is Effects.QUERYABLE and times - s.late > 1 + s.said_not:
            return f"a queryable effect was repeated {times - 1} times by who held the claim (I4)"
        if self._rules.effects is not None and s.state is State.SUCCEEDED and not times:
            return "the job succeeded, and its effect never happened (I4)"
        return None


def _doubt(rules: Rules, s: Scene) -> str | None:
    if s.state is State.IN_DOUBT and s.ledger not in OPEN and not s.mixed:
        return "the job is in doubt, and no effect is open (I9)"
    if rules.effects is Effects.UNSAFE and s.ledger == "old" and s.state not in (State.RUNNING, State.IN_DOUBT):
        return f"the job is {s.state} although an unsafe effect is open and nobody was asked (I9)"
    if s.state is State.SUCCEEDED and s.ledger in OPEN:
        return "the job succeeded with an open effect (I9)"
    return None


def _budgets(s: Scene, settled: int) -> str | None:
    """Look at what was charged; a person who settles lets the job go on once more."""
    spent = [name for name in ("errors", "losses", "unstarted") if getattr(s, name) >= LIMIT + settled]
    if spent and s.state in (State.READY, State.SCHEDULED):
        return f"the job goes on although its budget of {spent[0]} is spent (I5)"
    if s.vanished != s.losses:
        return "a started attempt vanished and was not charged (I5)"
    return None


def _endings(s: Scene) -> str | None:
    if s.asked and s.state in (State.SUCCEEDED, State.FAILED):
        return f"the job is {s.state} after an acknowledged cancel (I13)"
    if s.state is State.FAILED and s.letter not in ("open", "discarded"):
        return "the job is FAILED without a dead letter (I7)"
    return None
