"""The world of two jobs with one key, its limit 1: admission in two statements, by two processes, beside everything."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import NamedTuple

from easyflow.domain.states import State
from tests.explorer.guards import Guards
from tests.explorer.search import Kind, Step

ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class Job(NamedTuple):
    """One job; `begun`: an attempt of it was made, and it has not ended since."""

    state: State | None = None
    holds: bool = False
    begun: bool = False


class Admission(NamedTuple):
    """One process that admits: before its lock, behind it, or with a count from before it."""

    step: str = "idle"
    room: int = 0
    head: int | None = None


class Line(NamedTuple):
    """Both jobs, which of them are blocked in which order, who admits, and whether somebody was asked to."""

    jobs: tuple[Job, ...] = (Job(), Job())
    blocked: tuple[int, ...] = ()
    admissions: tuple[Admission, ...] = (Admission(), Admission())
    lock: int | None = None
    asked: bool = False
    faults: int = 1


class KeyWorld:
    """Two jobs that share a concurrency key, or (`ordered`) an ordering key."""

    def __init__(self, name: str, guards: Guards, *, ordered: bool) -> None:
        self.name = name
        self._guards = guards
        self._ordered = ordered

    def start(self) -> Line:
        """Return the world before anything was submitted."""
        return Line()

    def key(self, state: Line) -> Hashable:
        """Every state is itself."""
        return state

    def at_rest(self, state: Line) -> bool:
        """Whether all that was submitted has ended, or waits for a person, itself or its holder."""
        waits = self._ordered and any(job.state is State.IN_DOUBT and job.holds for job in state.jobs)
        resting = (None, *ENDED, State.IN_DOUBT, *((State.BLOCKED,) if waits else ()))
        return all(job.state in resting for job in state.jobs)

    def wrong(self, state: Line) -> str | None:
        """The limit, and for an ordering key that nobody begins before the one ahead has ended."""
        if sum(job.state is State.RUNNING for job in state.jobs) > 1:
            return "two jobs of a key with limit 1 run at once (I11)"
        if self._ordered and sum(job.begun for job in state.jobs) > 1:
            return "a job of an order begins before the one ahead of it has ended (I11)"
        return None

    def steps(self, state: Line) -> Iterator[Step]:
        """Everything that can happen next."""
        for number, job in enumerate(state.jobs):
            yield from self._submit(state, number, job)
            yield from self._wait(state, number, job)
            yield from self._run(state, number, job)
            yield from self._answer(state, number, job)
        for number, admission in enumerate(state.admissions):
            yield from self._admit(state, number, admission)
        if state.asked and state.faults:
            forgotten = state._replace(asked=False, faults=state.faults - 1)
            yield Step("who was to admit is killed before it began", forgotten, kind="fault")

    def _submit(self, s: Line, n: int, job: Job) -> Iterator[Step]:
        if job.state is None and all(each.state is not None for each in s.jobs[:n]):
            yield self._to(s, n, "is submitted", "T1", State.BLOCKED, kind="person")
            yield self._to(s, n, "is submitted for later", "T1", State.SCHEDULED, kind="person")

    def _wait(self, s: Line, n: int, job: Job) -> Iterator[Step]:
        if job.state is State.SCHEDULED:
            for says, id in (("is due", "T2"), ("is started early", "T23")):
                free = job.holds or not self._guards.on(f"{id} key admitted")
                id, target = (id, State.READY) if free else ("T27", State.BLOCKED)
                yield self._to(s, n, says, id, target, holds=False, kind="process" if says == "is due" else "person")
        if job.state in (State.SCHEDULED, State.BLOCKED, State.READY):
            yield self._to(s, n, "is cancelled", "T15", State.CANCELLED, kind="person")

    def _run(self, s: Line, n: int, job: Job) -> Iterator[Step]:
        if job.state is State.READY:
            yield self._to(s, n, "is claimed", "T3", State.RUNNING)
        if job.state is not State.RUNNING:
            return
        yield self._to(s, n, "succeeds", "T6", State.SUCCEEDED)
        yield self._to(s, n, "fails", "T8", State.FAILED, kind="fault")
        yield self._to(s, n, "is handed back", "T21", State.READY)
        keeps = self._ordered and self._guards.on("T7 head keeps its key")
        yield self._to(s, n, "waits for its retry", "T7", State.SCHEDULED, holds=keeps, kind="fault")
        keeps = self._ordered and self._guards.on("T13 head keeps its key")
        yield self._to(s, n, "is in doubt", "T13", State.IN_DOUBT, holds=keeps, kind="fault")

    def _answer(self, s: Line, n: int, job: Job) -> Iterator[Step]:
        if job.state is State.IN_DOUBT:
            yield self._to(s, n, "is settled", "T14", State.SCHEDULED, holds=job.holds, kind="person")
            yield self._to(s, n, "is settled as failed", "T14", State.FAILED, kind="person")
            yield self._to(s, n, "is cancelled", "T30", State.CANCELLED, kind="person")
        if job.state is State.FAILED:
            admitted = self._guards.on("T28 key admitted")
            id, target = ("T28", State.BLOCKED) if admitted else ("T17", State.READY)
            yield self._to(s, n, "is replayed", id, target, kind="person")

    def _to(
        self, s: Line, n: int, says: str, id: str, target: State, *, holds: bool = False, kind: Kind = "process"
    ) -> Step:
        """One statement that moves one job, and asks for an admission when its key may be free or wanted."""
        before = s.jobs[n]
        after = Job(target, holds, (before.begun or target is State.RUNNING) and target not in ENDED)
        blocked = tuple(each for each in s.blocked if each != n) + ((n,) if target is State.BLOCKED else ())
        asked = s.asked or target not in (State.READY, State.RUNNING)
        moved = s._replace(jobs=(*s.jobs[:n], after, *s.jobs[n + 1 :]), blocked=blocked, asked=asked)
        return Step(f"job {n + 1} {says}", moved, (id, before.state, target), kind=kind)

    def _admit(self, s: Line, n: int, a: Admission) -> Iterator[Step]:
        who = f"admission {n + 1}"
        if a.step == "idle":
            if s.asked:
                yield self._begin(s._replace(asked=False), n, f"{who} begins, as it was asked to")
            elif s.blocked and self._guards.on("T22 sweep"):
                yield self._begin(s, n, f"{who} begins, as a sweep")
        elif a.step == "counted":
            yield self._admitted(s, n, a, f"{who} moves as many as it counted")
        elif s.lock is None and a.step == "waiting":
            yield Step(f"{who} locks the key", self._with(s._replace(lock=n), n, Admission("locked")))
        elif a.step == "locked":
            room, head = self._count(s)
            yield self._admitted(s, n, Admission("locked", room, head), f"{who} counts and moves")

    def _begin(self, s: Line, n: int, says: str) -> Step:
        if self._guards.on("T22 room counted behind the key lock"):
            return Step(says, self._with(s, n, Admission("waiting")))
        room, head = self._count(s)
        return Step(f"{says}, and counts", self._with(s, n, Admission("counted", room, head)))

    def _count(self, s: Line) -> tuple[int, int | None]:
        taken = sum(job.state in (State.READY, State.RUNNING) or job.holds for job in s.jobs)
        room = 1 - taken if self._guards.on("T22 room") else 1
        return room, s.blocked[0] if s.blocked else None

    def _admitted(self, s: Line, n: int, a: Admission, says: str) -> Step:
        free = self._with(s._replace(lock=None if s.lock == n else s.lock), n, Admission())
        if a.room <= 0 or a.head is None or a.head not in s.blocked:
            return Step(f"{says}: nobody", free)
        moved = self._to(free, a.head, "", "T22", State.READY)
        return moved._replace(says=f"{says}: job {a.head + 1} goes")

    def _with(self, s: Line, n: int, admission: Admission) -> Line:
        return s._replace(admissions=(*s.admissions[:n], admission, *s.admissions[n + 1 :]))
