"""What an executor does: claim, run the handler, end the attempt; each write is one step, and may lose its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from easyflow.domain.rescue import judge
from easyflow.domain.states import State
from tests.explorer.ledger_steps import LEDGER, fence, lease_is_locked
from tests.explorer.scene import ALIVE, LIMIT, Executor, Rules, Scene, stopped, with_executor, without_lease
from tests.explorer.search import Step


def steps(rules: Rules, scene: Scene) -> Iterator[Step]:
    """Everything either executor, or who looks after it, can do next."""
    for number, executor in enumerate(scene.executors):
        yield from _life(rules, scene, number, executor)
        if executor.life in ALIVE:
            doing = executor.doing
            if doing.endswith("?"):
                yield from _read_back(rules, scene, number, executor)
            else:
                yield from DOING[doing](rules, scene, number)


def _life(rules: Rules, s: Scene, n: int, e: Executor) -> Iterator[Step]:
    """Crash, pause past the lease, be declared dead, be killed, be started again."""
    who = f"executor {n + 1}"
    if e.life in ALIVE and e.doing != "idle" and s.faults:
        dead = Executor("crashed" if e.life == "live" else "gone", "idle", e.current, e.started)
        yield Step(f"{who} is killed", with_executor(s, n, dead, faults=s.faults - 1), kind="fault")
    if e.life == "live" and e.doing != "idle" and s.faults:
        paused = with_executor(s, n, e._replace(life="zombie"), faults=s.faults - 1)
        yield Step(f"{who} pauses; its lease runs out and it is declared dead", paused, kind="fault")
    if e.life == "live" and e.current:
        yield Step(f"{who}: its lease is renewed", s, ("T4", s.state, s.state))
    if e.life == "zombie" and not rules.guards.on("T4 executor live"):
        yield Step(f"{who}: its lease is renewed", with_executor(s, n, e._replace(life="live")))
    if e.life == "zombie":
        killed = e._replace(life="gone", doing="idle")
        yield Step(f"{who} cannot renew; its supervisor kills it", with_executor(s, n, killed))
    if e.life == "crashed":
        gone = e._replace(life="gone")
        yield Step(f"{who}: its supervisor notices and declares it dead", with_executor(s, n, gone))
    if e.life == "gone" and not e.current:
        yield Step(f"{who}: another one is started in its place", with_executor(s, n, Executor()))


def _idle(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    if s.state is not State.READY:
        return
    who = f"executor {n + 1}"
    if not rules.guards.on("T3 ticket locked"):
        looking = s.executors[n]._replace(doing="saw")
        yield Step(f"{who} reads the ticket", with_executor(s, n, looking))
        return
    claimed = s.executors[n]._replace(doing="claimed", current=True)
    move = ("T3", s.state, State.RUNNING)
    yield Step(f"{who} claims", with_executor(s, n, claimed, state=State.RUNNING), move)
    if s.faults:
        lost = {"faults": s.faults - 1}
        unheard = with_executor(s, n, claimed._replace(doing="claim?"), state=State.RUNNING, **lost)
        yield Step(f"{who} claims, and the answer is lost", unheard, move, kind="fault")
        never = with_executor(s, n, claimed._replace(doing="claim?", current=False), **lost)
        yield Step(f"{who} claims: lost on the way", never, kind="fault")


def _saw(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    """Write the lease of a ticket read before, whatever became of it: only when the ticket is not locked."""
    others = s._replace(executors=tuple(each._replace(current=False) for each in s.executors))
    claimed = s.executors[n]._replace(doing="claimed", current=True)
    after = with_executor(others, n, claimed, state=State.RUNNING)
    yield Step(f"executor {n + 1} claims what it read", after, ("T3", s.state, State.RUNNING))


def _claimed(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    e = s.executors[n]
    started = e._replace(doing="running", started=True)
    yield Step(f"executor {n + 1} starts the handler", with_executor(s, n, started))
    yield from _end(rules, s, n, "hands the job back", "claimed", "T21", State.READY)


def _running(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    e, who = s.executors[n], f"executor {n + 1}"
    yield from _end(rules, s, n, "snoozes", "running", "T20", State.SCHEDULED)
    if s.faults:
        vanished = e._replace(doing="vanished")
        yield Step(f"{who}: the child that runs the handler is gone", _fault(s, n, vanished), kind="fault")
    if rules.effects is None:
        yield Step(f"{who}: the handler returns", with_executor(s, n, e._replace(doing="done")))
        yield Step(f"{who}: the handler raises", with_executor(s, n, e._replace(doing="error")), kind="fault")


def _fault(s: Scene, n: int, executor: Executor) -> Scene:
    return with_executor(s, n, executor, faults=s.faults - 1)


def _done(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    yield from _end(rules, s, n, "finishes", "done", "T6", State.SUCCEEDED)


def _error(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    if s.errors + 1 < LIMIT or not rules.guards.on("T7 errors below the limit"):
        yield from _end(rules, s, n, "puts the job back", "error", "T7", State.SCHEDULED, errors=s.errors + 1)
    else:
        failed = {"errors": s.errors + 1, "letter": "open"}
        yield from _end(rules, s, n, "fails the job", "error", "T8", State.FAILED, **failed)


def _doubt(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    yield from _end(rules, s, n, "sets the job aside, in doubt", "doubt", "T13", State.IN_DOUBT)


def _vanished(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    """Judge an attempt whose child is gone: lock and verdict are one transaction of its only holder."""
    lost = {"losses": s.losses + 1, "vanished": s.vanished + 1}
    verdict = judge("started", rules.doubtful(s), s.losses, s.unstarted, loss_limit=LIMIT, limit=LIMIT).verdict
    if verdict == "in doubt":
        yield from _end(rules, s, n, "loses its child", "vanished", "T13", State.IN_DOUBT, **lost)
    elif verdict == "lost":
        yield from _end(rules, s, n, "loses its child", "vanished", "T12", State.FAILED, letter="open", **lost)
    else:
        yield from _end(rules, s, n, "loses its child", "vanished", "T11", State.READY, **lost)


def _end(
    rules: Rules, s: Scene, n: int, says: str, again: str, id: str, target: State, **changes: Any
) -> Iterator[Step]:
    """End the attempt by one statement behind the fence; a job with the cancel flag ends CANCELLED instead."""
    e, who = s.executors[n], f"executor {n + 1}"
    if lease_is_locked(rules, s):
        return
    accepted, breach = fence(rules, s, n, f"{id} token")
    if not accepted:
        yield Step(f"{who} {says}: refused, and it stops", with_executor(s, n, stopped(e)))
        return
    if s.cancel and target is not State.IN_DOUBT and rules.guards.on(f"{id} cancel flag"):
        id, target, changes = "T29", State.CANCELLED, {}
    after, move = without_lease(s, id, target, **changes)
    yield Step(f"{who} {says}", with_executor(after, n, stopped(e)), move, breach)
    if s.faults:
        unheard = e._replace(doing=f"{again}?", current=False)
        yield Step(f"{who} {says}, and the answer is lost", _fault(after, n, unheard), move, breach, "fault")
        never = e._replace(doing=f"{again}?")
        yield Step(f"{who} {says}: lost on the way", _fault(s, n, never), kind="fault")


def _read_back(rules: Rules, s: Scene, n: int, e: Executor) -> Iterator[Step]:
    """Find out, by the claim's token, what became of a write whose answer was lost."""
    doing, who = e.doing[:-1], f"executor {n + 1}"
    if doing == "claim":
        if e.current and rules.guards.on("T3 answer read back"):
            yield from _end(rules, s, n, "reads back and hands back what it claimed", "claim", "T21", State.READY)
        else:
            knows_nothing = stopped(e)._replace(current=e.current)
            yield Step(f"{who} knows of nothing that it claimed", with_executor(s, n, knows_nothing))
        return
    if not e.current:
        yield Step(f"{who} reads back: its claim is gone, it stops", with_executor(s, n, stopped(e)))
    elif doing == "done" and not rules.guards.on("T6 answer read back"):
        yield Step(f"{who} takes its finish for done", with_executor(s, n, stopped(e)._replace(current=True)))
    elif doing in ("intent", "again"):
        outlived = s.expired and rules.guards.on("T5 key window")
        known = "doubt" if outlived else doing
        found = e._replace(doing=known if s.ledger == "open" else "running")
        yield Step(f"{who} reads back its intent", with_executor(s, n, found))
    elif doing == "close":
        found = e._replace(doing="done" if s.ledger == "happened" else "answered")
        yield Step(f"{who} reads back its result", with_executor(s, n, found))
    else:
        yield Step(f"{who} reads back: not written, it says it again", with_executor(s, n, e._replace(doing=doing)))


Doing = Callable[[Rules, Scene, int], Iterator[Step]]


def _run(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    yield from _running(rules, s, n)
    if rules.effects is not None:
        yield from LEDGER["running"](rules, s, n)


DOING: dict[str, Doing] = {
    **LEDGER,
    "idle": _idle,
    "saw": _saw,
    "claimed": _claimed,
    "running": _run,
    "done": _done,
    "error": _error,
    "doubt": _doubt,
    "vanished": _vanished,
}
