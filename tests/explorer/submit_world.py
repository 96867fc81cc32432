"""The world of two requests with one idempotency key: insert the key, insert the job, commit; answers may be lost."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import NamedTuple

from easyflow.domain.states import State
from tests.explorer.guards import Guards
from tests.explorer.search import Step

PLACES = (State.READY, State.SCHEDULED, State.BLOCKED)


class Request(NamedTuple):
    """One client's request: `body` is what it asks for."""

    step: str = "to send"
    body: int = 0


class Door(NamedTuple):
    """Both requests, whose key row is there and whether it is committed, and the jobs that were made."""

    requests: tuple[Request, ...]
    holder: int | None = None
    committed: bool = False
    body: int = 0
    jobs: tuple[State, ...] = ()
    faults: int = 2


class SubmitWorld:
    """Two requests with one key; `bodies` says whether they ask for the same."""

    def __init__(self, name: str, guards: Guards, *, bodies: tuple[int, int]) -> None:
        self.name = name
        self._guards = guards
        self._bodies = bodies

    def start(self) -> Door:
        """Return the world before either was sent."""
        return Door(tuple(Request(body=body) for body in self._bodies))

    def key(self, state: Door) -> Hashable:
        """Every state is itself."""
        return state

    def at_rest(self, state: Door) -> bool:
        """Whether both have their answer."""
        return all(each.step in ("answered", "refused") for each in state.requests)

    def wrong(self, state: Door) -> str | None:
        """One key, one job; and no answer without one."""
        if len(state.jobs) > 1:
            return "one idempotency key made two jobs (I1)"
        if not state.jobs and any(each.step == "answered" for each in state.requests):
            return "a submit was acknowledged and its job does not exist (I1)"
        return None

    def steps(self, state: Door) -> Iterator[Step]:
        """Everything that can happen next."""
        for number, request in enumerate(state.requests):
            if request.step == "to send":
                yield from self._take_key(state, number, request)
            elif request.step == "holds the key":
                yield from self._store(state, number, request)
        for job in state.jobs:
            if job is State.BLOCKED:
                yield Step("the job is admitted", state._replace(jobs=(State.READY,)), ("T22", job, State.READY))
            if job is State.SCHEDULED:
                yield Step("the job is due", state._replace(jobs=(State.READY,)), ("T2", job, State.READY))

    def _take_key(self, s: Door, n: int, r: Request) -> Iterator[Step]:
        who = f"request {n + 1}"
        if s.holder is None or not self._guards.on("T1 key unique"):
            commits = not self._guards.on("T1 key and job in one transaction")
            taken = s._replace(holder=n, committed=commits, body=r.body)
            yield Step(f"{who} inserts its key", _with(taken, n, r._replace(step="holds the key")))
        elif s.committed:
            if r.body != s.body and self._guards.on("T1 same body"):
                yield Step(f"{who} is refused: the key was used for another", _with(s, n, r._replace(step="refused")))
                return
            breach = None if r.body == s.body else "a request was answered with the job of another (I12)"
            yield Step(f"{who} is told of the earlier job", _with(s, n, r._replace(step="answered")), None, breach)

    def _store(self, s: Door, n: int, r: Request) -> Iterator[Step]:
        who = f"request {n + 1}"
        for place in PLACES:
            made = s._replace(jobs=(*s.jobs, place), committed=True)
            move = ("T1", None, place)
            yield Step(f"{who} stores its job and commits", _with(made, n, r._replace(step="answered")), move)
            if s.faults:
                unheard = _with(made, n, r._replace(step="to send"))._replace(faults=s.faults - 1)
                yield Step(f"{who} stores its job and commits, and the answer is lost", unheard, move, kind="fault")
        if s.faults:
            # What was committed stays; the rest of the transaction was never there.
            undone = s if s.committed else s._replace(holder=None)
            again = _with(undone, n, r._replace(step="to send"))._replace(faults=s.faults - 1)
            yield Step(f"{who}: the API is killed, its transaction rolled back", again, kind="fault")


def _with(s: Door, n: int, request: Request) -> Door:
    return s._replace(requests=(*s.requests[:n], request, *s.requests[n + 1 :]))
