"""The world of a database that goes back in time: an unsafe effect, two executors, a standby that takes over."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

from easyflow.domain.states import State
from tests.explorer.guards import Guards
from tests.explorer.search import Step

WAITING = (State.READY, State.SCHEDULED, State.BLOCKED)
OPENED = ("T5", State.RUNNING, State.RUNNING)


class Kept(NamedTuple):
    """What one database holds about the job; `claim` is a number that no other claim ever gets again."""

    state: State = State.BLOCKED
    ledger: str = "none"
    claim: int = 0


class Executor(NamedTuple):
    """What one executor does, under which claim."""

    doing: str = "idle"
    claim: int = 0


class Times(NamedTuple):
    """The database, what its standby has of it, who runs, and how far a release of the guard is."""

    now: Kept = Kept()
    standby: Kept = Kept()
    executors: tuple[Executor, ...] = (Executor(), Executor())
    guard: str = "watching"
    reviewed: bool = False
    claims: int = 0
    performed: int = 0
    said_not: int = 0
    promoted: bool = False
    crashes: int = 1


MOST_CLAIMS = 4


class TimelineWorld:
    """One unsafe job, and one promotion of a standby that had not heard of everything."""

    def __init__(self, name: str, guards: Guards) -> None:
        self.name = name
        self._guards = guards

    def start(self) -> Times:
        """Return the job waiting for its key, and a standby that knows it."""
        return Times()

    def key(self, state: Times) -> Hashable:
        """Take the two executors for each other's twins."""
        return state._replace(executors=tuple(sorted(state.executors)))

    def at_rest(self, state: Times) -> bool:
        """Whether the job has ended, waits for a person, as all do while the guard is tripped, or enough was tried."""
        waits = state.guard == "tripped" or state.now.state is State.IN_DOUBT or state.claims == MOST_CLAIMS
        return waits or state.now.state in (State.SUCCEEDED, State.FAILED)

    def wrong(self, state: Times) -> str | None:
        """At most once, unless a person said that it had not happened."""
        if state.performed > 1 + state.said_not:
            return f"an unsafe effect happened {state.performed} times (I4)"
        return None

    def steps(self, state: Times) -> Iterator[Step]:
        """Everything that can happen next."""
        for number, executor in enumerate(state.executors):
            yield from self._run(state, number, executor)
        yield from self._wait(state)
        yield from self._rescue(state)
        yield from self._go_back(state)
        yield from self._release(state)
        yield from _settle(state)

    def _run(self, s: Times, n: int, e: Executor) -> Iterator[Step]:
        who = f"executor {n + 1}"
        held = s.now.state is State.RUNNING and s.now.claim == e.claim
        open_guard = s.guard == "watching" or not self._guards.on("T3 timeline watched")
        if e.doing == "idle":
            if s.now.state is State.READY and open_guard and s.claims < MOST_CLAIMS:
                claimed = s._replace(now=s.now._replace(state=State.RUNNING, claim=s.claims + 1), claims=s.claims + 1)
                after = _with(claimed, n, Executor("running", claimed.claims))
                yield Step(f"{who} claims", after, ("T3", s.now.state, State.RUNNING))
            return
        if s.crashes:
            yield Step(f"{who} is killed", _with(s, n, Executor())._replace(crashes=s.crashes - 1), kind="fault")
        if e.doing == "intent":
            done = s._replace(performed=s.performed + 1)
            yield Step(f"{who} calls: it happens", _with(done, n, e._replace(doing="answered")))
        elif not held:
            yield Step(f"{who} is refused its write, and stops", _with(s, n, Executor()))
        elif e.doing == "running":
            yield from _open(s, n, e)
            yield _moved(_with(s, n, Executor()), f"{who} snoozes", "T20", State.SCHEDULED)
        elif e.doing == "answered":
            recorded = s._replace(now=s.now._replace(ledger="happened"))
            yield Step(f"{who} records the result", _with(recorded, n, e._replace(doing="done")), OPENED)
        else:
            yield _moved(_with(s, n, Executor()), f"{who} finishes", "T6", State.SUCCEEDED)

    def _wait(self, s: Times) -> Iterator[Step]:
        if s.now.state is State.BLOCKED:
            yield _moved(s, "the job is admitted", "T22", State.READY)
        if s.now.state is State.SCHEDULED:
            yield _moved(s, "the job is due", "T2", State.READY)

    def _rescue(self, s: Times) -> Iterator[Step]:
        """Take back a lease whose executor is gone."""
        if s.now.state is not State.RUNNING or any(e.claim == s.now.claim for e in s.executors if e.doing != "idle"):
            return
        if s.now.ledger == "open":
            yield _moved(s, "rescuer finds the effect open", "T13", State.IN_DOUBT)
        else:
            yield _moved(s, "rescuer takes the lease back", "T11", State.READY)

    def _go_back(self, s: Times) -> Iterator[Step]:
        """Let the standby hear of everything, or take over with what it has."""
        if s.promoted:
            return
        if s.standby != s.now:
            yield Step("the standby hears of everything", s._replace(standby=s.now))
            tripped = s._replace(now=s.standby, promoted=True, guard="tripped")
            yield Step("the standby takes over with what it has; the guard trips", tripped, kind="fault")

    def _release(self, s: Times) -> Iterator[Step]:
        """An operator says which time was lost; what waits is parked once, then the guard watches again."""
        if s.guard == "tripped":
            yield Step("operator says which time was lost", s._replace(guard="releasing"), kind="person")
        if s.guard != "releasing":
            return
        parks = s.now.state in WAITING and not s.reviewed and self._guards.on("T33 parked for review")
        if parks:
            yield _moved(s._replace(reviewed=True), "the review sets the job aside", "T33", State.IN_DOUBT)
        elif not (s.now.state is State.RUNNING and self._guards.on("T33 claims waited for")):
            yield Step("the guard watches again", s._replace(guard="watching"))


def _open(s: Times, n: int, e: Executor) -> Iterator[Step]:
    who = f"executor {n + 1}"
    if s.now.ledger == "happened":
        yield Step(f"{who} is given the recorded result", _with(s, n, e._replace(doing="done")))
    elif s.now.ledger == "open":
        yield _moved(_with(s, n, Executor()), f"{who} finds its effect open", "T13", State.IN_DOUBT)
    else:
        opened = s._replace(now=s.now._replace(ledger="open"))
        yield Step(f"{who} opens its effect", _with(opened, n, e._replace(doing="intent")), OPENED)


def _settle(s: Times) -> Iterator[Step]:
    """Settle truthfully, as far as anybody knows; with nothing open to record, only the job itself can be completed."""
    if s.now.state is not State.IN_DOUBT:
        return
    if s.performed:
        yield _moved(s, "operator settles: happened and complete", "T14", State.SUCCEEDED, kind="person")
    else:
        not_done = s._replace(now=s.now._replace(ledger="not"), said_not=s.said_not + 1)
        yield _moved(not_done, "operator settles: did not happen", "T14", State.SCHEDULED, kind="person")
    yield _moved(s, "operator settles: failed", "T14", State.FAILED, kind="person")


def _moved(s: Times, says: str, id: str, target: State, **more: Any) -> Step:
    return Step(says, s._replace(now=s.now._replace(state=target)), (id, s.now.state, target), **more)


def _with(s: Times, n: int, executor: Executor) -> Times:
    return s._replace(executors=(*s.executors[:n], executor, *s.executors[n + 1 :]))
