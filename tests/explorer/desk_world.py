"""The world of two operators at one job: each acts on what was seen a moment ago, while the job and the other go on."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

from easyflow.domain.states import State
from tests.explorer.guards import Guards
from tests.explorer.search import Step

ACTS = ("replay", "discard", "settle", "cancel")
NAMES = {"replay": "T17", "discard": "T24", "settle": "T14", "cancel": "T30"}
UNSEEN = "an act was accepted on what its operator had not seen (I2)"


class Operator(NamedTuple):
    """One operator: what it saw, whether that still stands, and how far its act is.

    `version`: the version it saw is still the present one. A doubt's is that of its claim: a settle does not change it.
    """

    act: str = ""
    step: str = "away"
    seen: bool = False
    version: bool = False


class Desk(NamedTuple):
    """The job, its dead letter, both operators, and who of them holds the row's lock."""

    state: State = State.READY
    letter: str = "none"
    operators: tuple[Operator, ...] = (Operator(), Operator())
    lock: int | None = None


class DeskWorld:
    """One job that fails or falls into doubt again and again, and two operators who answer."""

    def __init__(self, name: str, guards: Guards) -> None:
        self.name = name
        self._guards = guards

    def start(self) -> Desk:
        """Return the job READY, nobody looking."""
        return Desk()

    def key(self, state: Desk) -> Hashable:
        """Take the operators for each other's twins."""
        one, two = state.operators
        if one <= two:
            return state
        return state._replace(operators=(two, one), lock=None if state.lock is None else 1 - state.lock)

    def at_rest(self, state: Desk) -> bool:
        """Whether the job has ended, or waits for one of them."""
        return state.state in (State.SUCCEEDED, State.FAILED, State.CANCELLED, State.IN_DOUBT)

    def wrong(self, state: Desk) -> str | None:
        """A dead letter says what became of its job."""
        if state.state is State.FAILED and state.letter == "replayed":
            return "the job is FAILED and its dead letter says it was replayed (I7)"
        if state.state is not State.FAILED and state.letter == "open":
            return f"the dead letter is open and its job is {state.state} (I7)"
        if state.state is not State.FAILED and state.letter == "discarded":
            return f"the dead letter was discarded and its job is {state.state} (I2)"
        return None

    def steps(self, state: Desk) -> Iterator[Step]:
        """Everything that can happen next."""
        yield from self._job(state)
        for number, operator in enumerate(state.operators):
            yield from self._operator(state, number, operator)

    def _job(self, s: Desk) -> Iterator[Step]:
        if s.state is State.SCHEDULED:
            yield Step("the job is due", s._replace(state=State.READY), ("T2", s.state, State.READY))
        if s.state is State.READY:
            yield Step("the job is claimed", s._replace(state=State.RUNNING), ("T3", s.state, State.RUNNING))
        if s.state is State.RUNNING:
            yield Step("the job succeeds", _news(s, state=State.SUCCEEDED), ("T6", s.state, State.SUCCEEDED))
            failed = _news(s, state=State.FAILED, letter="open")
            yield Step("the job fails", failed, ("T8", s.state, State.FAILED), kind="fault")
            doubt = _news(s, state=State.IN_DOUBT)
            yield Step("the job is in doubt", doubt, ("T13", s.state, State.IN_DOUBT), kind="fault")

    def _operator(self, s: Desk, n: int, o: Operator) -> Iterator[Step]:
        who = f"operator {n + 1}"
        if o.step == "away":
            for act in ACTS:
                if s.state is State.IN_DOUBT if act in ("settle", "cancel") else s.letter != "none":
                    looking = _with(s, n, Operator(act, "looking", seen=True, version=True))
                    yield Step(f"{who} looks, and is about to {act}", looking, kind="person")
        elif o.step == "looking":
            locks = self._guards.on("T17 letter lock" if o.act in ("replay", "discard") else "T14 doubt lock")
            if locks and s.lock is not None:
                return
            if self._refused(s, o):
                yield Step(f"{who} is refused the {o.act}", _with(s, n, Operator()), kind="person")
            else:
                held = s._replace(lock=n) if locks else s
                yield Step(f"{who} locks and checks", _with(held, n, o._replace(step="checked")), kind="person")
        else:
            yield self._write(s, n, o)

    def _refused(self, s: Desk, o: Operator) -> bool:
        """Say what the check behind the lock finds; a cancel says nothing of what it saw."""
        if o.act in ("replay", "discard"):
            if not self._guards.passes(f"{NAMES[o.act]} version", o.version):
                return True
            return not self._guards.passes(f"{NAMES[o.act]} letter open", s.letter == "open")
        if not self._guards.passes(f"{NAMES[o.act]} in doubt", s.state is State.IN_DOUBT):
            return True
        return o.act == "settle" and not self._guards.passes("T14 version", o.version)

    def _write(self, s: Desk, n: int, o: Operator) -> Step:
        who = f"operator {n + 1}"
        free = _with(s._replace(lock=None if s.lock == n else s.lock), n, Operator())
        # A second line of defence: the statement itself names the state that it moves.
        if o.act == "replay" and s.state is not State.FAILED:
            return Step(f"{who} finds no failed job to replay", free, kind="person")
        breach = None if o.seen or o.act == "cancel" else UNSEEN
        target, letter = {
            "replay": (State.READY, "replayed"),
            "discard": (s.state, "discarded"),
            "settle": (State.SCHEDULED, s.letter),
            "cancel": (State.CANCELLED, s.letter),
        }[o.act]
        if o.act == "replay" and s.letter == "discarded":
            breach = "a job that a person had set aside for good runs again (I2)"
        after = _news(free, state=target, letter=letter, versions=o.act in ("replay", "discard"))
        return Step(f"{who} writes: {o.act}", after, (NAMES[o.act], s.state, target), breach, "person")


def _news(s: Desk, *, versions: bool = True, **changes: Any) -> Desk:
    """Return the desk after a change: what was seen before is not what there is now, and perhaps not its version."""
    operators = tuple(each._replace(seen=False, version=each.version and not versions) for each in s.operators)
    return s._replace(operators=operators, **changes)


def _with(s: Desk, n: int, operator: Operator) -> Desk:
    return s._replace(operators=(*s.operators[:n], operator, *s.operators[n + 1 :]))
