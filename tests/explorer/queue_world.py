"""The world of a queue with a limit of 1: two claimers lock its row, count and claim, and somebody pauses it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import NamedTuple

from easyflow.domain.states import State
from tests.explorer.guards import Guards
from tests.explorer.search import Step


class Claimer(NamedTuple):
    """One claimer between its statements; `room` and `paused` are what it read."""

    step: str = "idle"
    room: int = 0
    paused: bool = False


class Queue(NamedTuple):
    """Two jobs, two claimers, and the queue's row: who holds it, and whether it is paused."""

    jobs: tuple[State, ...] = (State.READY, State.READY)
    claimers: tuple[Claimer, ...] = (Claimer(), Claimer())
    lock: int | None = None
    paused: bool = False


class QueueWorld:
    """One limited queue."""

    def __init__(self, name: str, guards: Guards) -> None:
        self.name = name
        self._guards = guards

    def start(self) -> Queue:
        """Return two jobs READY in an open queue."""
        return Queue()

    def key(self, state: Queue) -> Hashable:
        """Every state is itself."""
        return state

    def at_rest(self, state: Queue) -> bool:
        """Whether nothing is left to run, or a person has paused the queue."""
        return state.paused or all(job is State.SUCCEEDED for job in state.jobs)

    def wrong(self, state: Queue) -> str | None:
        """Never more at once than the limit."""
        return "two jobs of a queue with limit 1 run at once (I11)" if state.jobs.count(State.RUNNING) > 1 else None

    def steps(self, state: Queue) -> Iterator[Step]:
        """Everything that can happen next."""
        for number, claimer in enumerate(state.claimers):
            yield from self._claim(state, number, claimer)
        for number, job in enumerate(state.jobs):
            if job is State.RUNNING:
                after = state._replace(jobs=_with(state.jobs, number, State.SUCCEEDED))
                yield Step(f"job {number + 1} finishes", after, ("T6", job, State.SUCCEEDED))
        if state.lock is None:
            says = "resumes" if state.paused else "pauses"
            yield Step(f"operator {says} the queue", state._replace(paused=not state.paused), kind="person")

    def _claim(self, s: Queue, n: int, c: Claimer) -> Iterator[Step]:
        who = f"claimer {n + 1}"
        early = not self._guards.on("T3 counted behind the queue's lock")
        if c.step == "idle":
            if early:
                counted = Claimer("counted", self._room(s), s.paused)
                yield Step(f"{who} counts, with no lock yet", self._with(s, n, counted))
            elif s.lock is None:
                locked = self._with(s._replace(lock=n), n, Claimer("locked", 0, s.paused))
                yield Step(f"{who} locks the queue's row", locked)
        elif c.step == "locked":
            yield Step(f"{who} counts", self._with(s, n, Claimer("counted", self._room(s), c.paused)))
        else:
            yield from self._take(s, n, c)

    def _room(self, s: Queue) -> int:
        return 1 - s.jobs.count(State.RUNNING) if self._guards.on("T3 below the queue's limit") else 1

    def _take(self, s: Queue, n: int, c: Claimer) -> Iterator[Step]:
        free = self._with(s._replace(lock=None if s.lock == n else s.lock), n, Claimer())
        paused = c.paused if self._guards.on("T3 counted behind the queue's lock") else s.paused
        closed = paused and self._guards.on("T3 queue open")
        if c.room <= 0 or closed or State.READY not in s.jobs:
            yield Step(f"claimer {n + 1} claims nothing", free)
            return
        job = s.jobs.index(State.READY)
        breach = "a job is claimed from a queue that was paused before" if s.paused else None
        after = free._replace(jobs=_with(s.jobs, job, State.RUNNING))
        yield Step(f"claimer {n + 1} claims job {job + 1}", after, ("T3", State.READY, State.RUNNING), breach)

    def _with(self, s: Queue, n: int, claimer: Claimer) -> Queue:
        return s._replace(claimers=(*s.claimers[:n], claimer, *s.claimers[n + 1 :]))


def _with(jobs: tuple[State, ...], number: int, state: State) -> tuple[State, ...]:
    return (*jobs[:number], state, *jobs[number + 1 :])
