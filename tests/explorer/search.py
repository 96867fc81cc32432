"""Breadth-first search through every state of a small world, and the shortest way to what may never be."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from easyflow.domain.states import State
from easyflow.domain.transitions import TRANSITIONS

Move = tuple[str, State | None, State]
Kind = Literal["process", "fault", "person"]

TABLE: frozenset[Move] = frozenset((t.id, t.source, t.target) for t in TRANSITIONS)


class Step(NamedTuple):
    """One committed statement, or one thing a process does by itself, and what the world is like afterwards.

    `after` None: the statement was refused in a way that is already wrong, as `breach` says. A `fault` is never
    needed to make progress, nor is a `person`; only what is left may end a job.
    """

    says: str
    after: Any
    move: Move | None = None
    breach: str | None = None
    kind: Kind = "process"


class World(Protocol):
    """A small world: where it starts, what can happen next, what is wrong, and where nothing more has to happen."""

    name: str

    def start(self) -> Any:
        """Return the first state."""

    def steps(self, state: Any) -> Iterator[Step]:
        """Everything that can happen next."""

    def wrong(self, state: Any) -> str | None:
        """The invariant that this state breaks, if any."""

    def at_rest(self, state: Any) -> bool:
        """Whether every job has ended, or waits for a person."""

    def key(self, state: Any) -> Hashable:
        """The same for states that differ in names only."""


@dataclass
class Explored:
    """What a search found: every move it took and, when something is wrong, the shortest way there."""

    world: str
    states: int = 0
    seconds: float = 0.0
    taken: set[Move] = field(default_factory=set)
    breach: str | None = None
    trace: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the counterexample, a line for each step, as a person reads it."""
        lines = [f"{number:3}. {line}" for number, line in enumerate(self.trace, 1)]
        return "\n".join([f"{self.world}: {self.breach or 'nothing is wrong'}", *lines])


def explore(world: World, max_states: int = 400_000) -> Explored:
    """Visit every state of `world`; stops at the first breach, which is one of the shortest.

    When nothing is wrong in any state, each is asked whether it can still come to rest without another fault and
    without a person. Fails when the world has more states than `max_states`.
    """
    search = _Search(world, max_states)
    began = time.perf_counter()
    search.run()
    search.found.seconds = time.perf_counter() - began
    return search.found


class _Search:
    def __init__(self, world: World, max_states: int) -> None:
        self.found = Explored(world.name)
        self._world = world
        self._max_states = max_states
        self._came: dict[Hashable, tuple[Hashable, Step] | None] = {}
        self._back: dict[Hashable, list[Hashable]] = {}
        self._at_rest: list[Hashable] = []

    def run(self) -> None:
        """Search, and fill `found`."""
        first = self._world.start()
        queue = deque([(self._world.key(first), first)])
        self._came[queue[0][0]] = None
        while queue and self.found.breach is None:
            key, state = queue.popleft()
            if self._world.at_rest(state):
                self._at_rest.append(key)
            queue.extend(self._next(key, state))
        self.found.states = len(self._came)
        if self.found.breach is None:
            self._look_for_the_stuck()

    def _next(self, key: Hashable, state: Any) -> Iterator[tuple[Hashable, Any]]:
        """Take every step from a state; yields the new ones, and no more once something is wrong."""
        for step in self._world.steps(state):
            after = self._take(key, step)
            if after is not None:
                yield after, step.after
            elif self.found.breach:
                return

    def _take(self, key: Hashable, step: Step) -> Hashable | None:
        """Return the key of the state a step leads to when it is new; tells of what is wrong."""
        breach = step.breach
        if step.move is not None:
            self.found.taken.add(step.move)
            if step.move not in TABLE:
                id, source, target = step.move
                breach = f"the table of transitions holds no {id} {source} -> {target}"
        if breach is None:
            breach = self._world.wrong(step.after)
        if breach is not None:
            self.found.breach = breach
            self.found.trace = [*self._way(key), _line(step)]
            return None
        after = self._world.key(step.after)
        if step.kind == "process":
            self._back.setdefault(after, []).append(key)
        if after in self._came:
            return None
        self._came[after] = (key, step)
        assert len(self._came) <= self._max_states, f"{self.found.world} has more than {self._max_states} states"
        return after

    def _look_for_the_stuck(self) -> None:
        """Walk back from every state at rest: a state that is not met has no way there."""
        reached = set(self._at_rest)
        waiting = deque(self._at_rest)
        while waiting:
            for before in self._back.get(waiting.popleft(), ()):
                if before not in reached:
                    reached.add(before)
                    waiting.append(before)
        stuck = next((key for key in self._came if key not in reached), None)
        if stuck is not None:
            self.found.breach = "stuck: without another fault or a person nothing can end the job (I14)"
            self.found.trace = self._way(stuck)

    def _way(self, key: Hashable) -> list[str]:
        lines: list[str] = []
        came = self._came[key]
        while came is not None:
            lines.append(_line(came[1]))
            came = self._came[came[0]]
        return lines[::-1]


def _line(step: Step) -> str:
    if step.move is None:
        return step.says
    id, source, target = step.move
    return f"{step.says}   [{id} {source or '-'} -> {target}]"
