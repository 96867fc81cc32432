"""What the rescuer does: lock the lease, read the ledger, write the verdict: three statements of one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from easyflow.domain.rescue import judge
from easyflow.domain.states import State
from tests.explorer.scene import DECLARED_DEAD, LIMIT, Rescuer, Rules, Scene, without_lease
from tests.explorer.search import Step


def steps(rules: Rules, scene: Scene) -> Iterator[Step]:
    """The next statement of the rescuer, or its death, which rolls everything back."""
    if scene.rescuer.step == "idle":
        yield from _begin(rules, scene)
    elif scene.rescuer.step == "locked":
        read = scene.rescuer._replace(step="read", doubt=rules.doubtful(scene))
        yield Step("rescuer reads the ledger", scene._replace(rescuer=read))
    else:
        yield from _write(rules, scene)
    if scene.rescuer.step != "idle" and scene.faults:
        killed = scene._replace(rescuer=Rescuer(), faults=scene.faults - 1)
        yield Step("rescuer is killed, its transaction rolled back", killed, kind="fault")


def _begin(rules: Rules, s: Scene) -> Iterator[Step]:
    for number, executor in enumerate(s.executors):
        if not executor.current or s.state is not State.RUNNING:
            continue
        if not rules.guards.passes("T11 executor dead", executor.life in DECLARED_DEAD):
            continue
        if rules.guards.on("T11 ledger read behind the lock"):
            locked = Rescuer("locked", number, current=True)
            yield Step("rescuer locks the lease", s._replace(rescuer=locked))
        else:
            early = Rescuer("read early", number, current=True, doubt=rules.doubtful(s))
            yield Step("rescuer reads the ledger, with no lock yet", s._replace(rescuer=early))


def _write(rules: Rules, s: Scene) -> Iterator[Step]:
    done = s._replace(rescuer=Rescuer())
    holder = s.executors[s.rescuer.holder]
    if not s.rescuer.current or s.state is not State.RUNNING:
        yield Step("rescuer writes: the claim is gone, it changes nothing", done)
        return
    breach = None if holder.life in DECLARED_DEAD else "a lease was taken from an executor that is alive (I5)"
    doubt = s.rescuer.doubt and rules.guards.on("T13 in doubt")
    verdict, loss, unstarted = _verdict(rules, s, doubt, holder.started)
    charged = {
        "losses": s.losses + loss,
        "unstarted": s.unstarted + unstarted,
        "vanished": s.vanished + holder.started,
    }
    id, target = verdict
    if target is State.FAILED:
        charged["letter"] = "open"
    if s.cancel and target is not State.IN_DOUBT and rules.guards.on("T11 cancel flag"):
        id, target, charged = "T29", State.CANCELLED, {}
    after, move = without_lease(done, id, target, **charged)
    yield Step(f"rescuer writes its verdict ({'started' if holder.started else 'not started'})", after, move, breach)


def _verdict(rules: Rules, s: Scene, doubt: bool, started: bool) -> tuple[tuple[str, State], Any, Any]:
    judged = judge(
        "started" if started else "unstarted",
        doubt,
        s.losses,
        s.unstarted,
        loss_limit=LIMIT if rules.guards.on("T12 losses at the limit") else 99,
        limit=LIMIT if rules.guards.on("T32 unstarted at the limit") else 99,
    )
    moves = {
        "again": ("T11", State.READY),
        "in doubt": ("T13", State.IN_DOUBT),
        "lost": ("T12", State.FAILED),
        "never started": ("T32", State.FAILED),
    }
    loss = judged.loss if rules.guards.on("T11 loss charged") else 0
    return moves[judged.verdict], loss, judged.unstarted
