"""What a person does to the job, what the promoter does, and what a receiver may do by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from easyflow.domain.states import State
from tests.explorer.ledger_steps import lease_is_locked
from tests.explorer.scene import Rules, Scene, without_lease
from tests.explorer.search import Step

WAITING = (State.READY, State.SCHEDULED, State.BLOCKED)
BEFORE_A_RUN = {"errors": 0, "losses": 0, "unstarted": 0, "vanished": 0, "letter": "closed"}


def steps(rules: Rules, scene: Scene) -> Iterator[Step]:
    """Everything that can happen to the job besides what executors and the rescuer do."""
    if scene.state is State.SCHEDULED:
        yield Step("the job is due", scene._replace(state=State.READY), ("T2", scene.state, State.READY))
    if scene.cancels:
        yield from _cancel(rules, scene._replace(cancels=scene.cancels - 1))
    if scene.settles and scene.state is State.IN_DOUBT:
        yield from _settle(rules, scene._replace(settles=scene.settles - 1))
    if scene.replays and scene.state is State.FAILED and scene.letter == "open":
        yield from _answer_letter(rules, scene._replace(replays=scene.replays - 1))
    if scene.windows and _may_forget(scene):
        forgot = scene._replace(windows=0, forgot=True, expired=scene.ledger in ("open", "old", "left"))
        yield Step("the receiver's memory of keys ends", forgot, kind="fault")


def _may_forget(s: Scene) -> bool:
    """Say whether time may pass the window: never while a call is on its way, which a timeout bounds."""
    calling = any(each.doing in ("intent", "again") for each in s.executors)
    return bool(s.performed) and not calling


def _cancel(rules: Rules, s: Scene) -> Iterator[Step]:
    if s.state in WAITING:
        after = s._replace(state=State.CANCELLED, asked=True)
        yield Step("operator cancels", after, ("T15", s.state, State.CANCELLED), kind="person")
    elif s.state is State.IN_DOUBT:
        after = s._replace(state=State.CANCELLED, ledger=_left(s))
        yield Step("operator cancels", after, ("T30", s.state, State.CANCELLED), kind="person")
    elif s.state is State.RUNNING and not lease_is_locked(rules, s):
        if rules.guards.on("T16 flag only"):
            flagged = s._replace(cancel=True, asked=True)
            yield Step("operator asks for a cancel", flagged, ("T16", s.state, s.state), kind="person")
        else:
            after, _ = without_lease(s, "T16", State.CANCELLED)
            yield Step("operator cancels", after, ("T16", s.state, State.CANCELLED), kind="person")


def _left(s: Scene) -> str:
    return "left" if s.ledger == "old" else s.ledger


def _settle(rules: Rules, s: Scene) -> Iterator[Step]:
    """Settle truthfully, as far as anybody can know: an executor that sleeps may act afterwards."""
    s = s._replace(asked=False)
    open_then = {"old": "happened"}.get(s.ledger, s.ledger)
    if rules.times(s):
        yield _settled("happened and complete", s, State.SUCCEEDED, ledger=open_then)
        if s.ledger == "old":
            yield _settled("happened", s, State.SCHEDULED, ledger=open_then)
    elif s.ledger == "old":
        yield _settled("did not happen", s, State.SCHEDULED, ledger="not", said_not=s.said_not + 1)
    if s.ledger != "old":
        yield _settled("did not happen: nothing was open", s, State.SCHEDULED)
    yield _settled("failed", s, State.FAILED, ledger=_left(s), letter="open")


def _settled(says: str, s: Scene, target: State, **changes: Any) -> Step:
    after = s._replace(state=target, **changes)
    return Step(f"operator settles: {says}", after, ("T14", s.state, target), kind="person")


def _answer_letter(rules: Rules, s: Scene) -> Iterator[Step]:
    again: dict[str, Any] = {**BEFORE_A_RUN, "state": State.READY}
    if not rules.guards.on("T17 ledger kept"):
        again |= {"ledger": "none"}
    elif s.ledger == "old":
        again |= {"ledger": _left(s)}
    yield Step("operator replays", s._replace(**again), ("T17", s.state, State.READY), kind="person")
    discarded = s._replace(letter="discarded")
    yield Step("operator discards the dead letter", discarded, ("T24", s.state, s.state), kind="person")
