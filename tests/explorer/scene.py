"""One job with one effect on the outside, two executors, a rescuer and an operator: what the world looks like."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from easyflow.domain.effects import OpenEffect
from easyflow.domain.states import Effects, State
from tests.explorer.guards import Guards
from tests.explorer.search import Move

LIMIT = 2

Life = Literal["live", "zombie", "crashed", "gone"]
ALIVE = ("live", "zombie")
DECLARED_DEAD = ("zombie", "gone")


class Executor(NamedTuple):
    """One executor: `zombie` was declared dead and still runs, `crashed` is dead and nobody knows.

    `current`: its claim is the job's present one. That, not the number, is all that a token says.
    """

    life: Life = "live"
    doing: str = "idle"
    current: bool = False
    started: bool = False
    asks: int = 0


class Rescuer(NamedTuple):
    """The rescuer between its statements: what it holds, and what it read."""

    step: str = "idle"
    holder: int = 0
    current: bool = False
    doubt: bool = False


class Scene(NamedTuple):
    """Everything the database holds about the job, what each process remembers, and what really happened outside.

    What is counted at the end is how much more may go wrong, or be done by a person.

    `ledger`: none, open (by the present claim), old (open, its claim is gone), left (open, an operator knows),
    happened, not. `performed` counts effects; of a keyed receiver it holds a bit for each key it acted upon.
    """

    state: State = State.READY
    executors: tuple[Executor, ...] = (Executor(), Executor())
    rescuer: Rescuer = Rescuer()
    ledger: str = "none"
    request: int = 0
    expired: bool = False
    forgot: bool = False
    mixed: bool = False
    performed: int = 0
    late: int = 0
    said_not: int = 0
    errors: int = 0
    losses: int = 0
    unstarted: int = 0
    vanished: int = 0
    cancel: bool = False
    asked: bool = False
    letter: Literal["none", "open", "closed", "discarded"] = "none"
    faults: int = 2
    cancels: int = 0
    settles: int = 0
    replays: int = 0
    windows: int = 0
    others: int = 0


class Rules:
    """The class of the effect, and the guards of this world."""

    def __init__(self, effects: Effects | None, guards: Guards) -> None:
        self.effects = effects
        self.guards = guards

    def doubtful(self, scene: Scene) -> bool:
        """What domain/effects.py says of the open effect, if there is one."""
        if self.effects is None or scene.ledger not in ("open", "old", "left"):
            return False
        return OpenEffect("effect", self.effects, scene.expired).in_doubt

    def times(self, scene: Scene) -> int:
        """How often the effect really happened, as the receiver counts."""
        return scene.performed.bit_count() if self.effects is Effects.KEYED else scene.performed


def with_executor(scene: Scene, number: int, executor: Executor, **changes: Any) -> Scene:
    """Return the scene with one executor in another condition."""
    executors = list(scene.executors)
    executors[number] = executor
    return scene._replace(executors=tuple(executors), **changes)


def without_lease(scene: Scene, id: str, target: State, **changes: Any) -> tuple[Scene, Move]:
    """Return the scene after a move that ends the present claim, and that move."""
    after = scene._replace(
        state=target,
        executors=tuple(each._replace(current=False) for each in scene.executors),
        rescuer=scene.rescuer._replace(current=False),
        ledger="old" if scene.ledger == "open" else scene.ledger,
        cancel=False,
        **changes,
    )
    return after, (id, scene.state, target)


def stopped(executor: Executor) -> Executor:
    """Return an executor that has nothing to do with the job any more."""
    return Executor(executor.life)
