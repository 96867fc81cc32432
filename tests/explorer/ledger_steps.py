"""What an executor does around its effect: the intent, the call, the result, and what the ledger tells a re-run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from easyflow.domain.states import Effects, State
from tests.explorer.scene import Executor, Rules, Scene, stopped, with_executor
from tests.explorer.search import Step

STALE = "a stale worker's write was accepted (I3)"
# Beyond this nobody counts: one too many was found before.
ENOUGH = 3
OPENED = ("T5", State.RUNNING, State.RUNNING)


def fence(rules: Rules, s: Scene, n: int, guard: str) -> tuple[bool, str | None]:
    """Whether a write of this executor is accepted, and what is wrong with that."""
    if s.state is not State.RUNNING:
        return False, None
    if s.executors[n].current:
        return True, None
    return (False, None) if rules.guards.on(guard) else (True, STALE)


def lease_is_locked(rules: Rules, s: Scene) -> bool:
    """Whether the rescuer holds the lease's row, so that who writes under it must wait."""
    return s.rescuer.step in ("locked", "read") and s.rescuer.current and rules.guards.on("T11 lease lock")


def _open(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    """Commit an intent, or learn what the ledger knows of this effect."""
    e, who = s.executors[n], f"executor {n + 1}"
    if lease_is_locked(rules, s) and rules.guards.on("T5 lease lock"):
        return
    accepted, breach = fence(rules, s, n, "T5 token")
    if not accepted:
        yield Step(f"{who} opens its effect: refused, and it stops", with_executor(s, n, stopped(e)))
    elif s.ledger in ("none", "not"):
        yield from _write_intent(rules, s, n, "opens its effect", "intent", breach)
    elif s.request != e.asks and rules.guards.on("T5 same request"):
        asking = with_executor(s, n, e._replace(doing="doubt"), mixed=True)
        yield Step(f"{who} asks for another request than the ledger holds", asking)
    elif s.ledger == "happened":
        yield from _known(rules, s, n)
    elif _must_not_repeat(rules, s):
        yield Step(f"{who} finds its effect open, in doubt", with_executor(s, n, e._replace(doing="doubt")))
    elif rules.effects is Effects.QUERYABLE and rules.guards.on("T5 receiver asked first"):
        yield from _write_intent(rules, s, n, "opens its effect again, to ask first", "reconcile", breach)
    else:
        yield from _write_intent(rules, s, n, "opens its effect again", "again", breach)


def _must_not_repeat(rules: Rules, s: Scene) -> bool:
    if not rules.doubtful(s):
        return False
    return rules.guards.on("T5 key window" if rules.effects is Effects.KEYED else "T5 not repeated blindly")


def _known(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    e, who = s.executors[n], f"executor {n + 1}"
    if rules.guards.on("T5 recorded result"):
        breach = None if s.request == e.asks else "a handler was given the result of another request (I4)"
        yield Step(f"{who} is given the recorded result", with_executor(s, n, e._replace(doing="done")), None, breach)
    else:
        yield Step(f"{who} does not look into the ledger", with_executor(s, n, e._replace(doing="intent")))


def _write_intent(rules: Rules, s: Scene, n: int, says: str, doing: str, breach: str | None) -> Iterator[Step]:
    e, who = s.executors[n], f"executor {n + 1}"
    fresh = s.ledger in ("none", "not")
    opened = s._replace(ledger="open", request=e.asks, expired=s.expired and not fresh)
    yield Step(f"{who} {says}", with_executor(opened, n, e._replace(doing=doing)), OPENED, breach)
    # A reopened queryable effect is asked for again in any case: its lost answer shows nothing new.
    if s.faults and doing in ("intent", "again"):
        unsure = e._replace(doing=f"{doing}?")
        unheard = with_executor(opened, n, unsure, faults=s.faults - 1)
        yield Step(f"{who} {says}, and the answer is lost", unheard, OPENED, breach, "fault")
        never = with_executor(s, n, unsure, faults=s.faults - 1)
        yield Step(f"{who} {says}: lost on the way", never, kind="fault")


def _intent(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    """Call: it happens or not, and the answer comes or not."""
    e, who = s.executors[n], f"executor {n + 1}"
    late = min(s.late + (not e.current), ENOUGH)
    done = s._replace(performed=_performed(rules, s, e), late=late)
    unsure = e._replace(doing="unsure")
    yield Step(f"{who} calls: it happens", with_executor(done, n, e._replace(doing="answered")))
    yield Step(f"{who} calls: it happens, and no answer comes", with_executor(done, n, unsure), kind="fault")
    yield Step(f"{who} calls: it does not happen, and no answer comes", with_executor(s, n, unsure), kind="fault")
    # A refusal tells of this call only. Of an effect that was open before, an earlier call may have happened.
    known = e.doing == "intent" or not rules.guards.on("T5 only a first call is refused")
    refused = with_executor(s, n, e._replace(doing="refused" if known else "unsure"))
    yield Step(f"{who} calls: refused for certain", refused, kind="fault")


def _performed(rules: Rules, s: Scene, e: Executor) -> int:
    if rules.effects is not Effects.KEYED:
        return min(s.performed + 1, ENOUGH)
    known = s.performed >> e.asks & 1
    if known and (s.forgot or not rules.guards.on("T5 same key in every attempt")):
        return s.performed | 1 << (2 + s.performed.bit_count())
    return s.performed | 1 << e.asks


def _answered(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    """Record the result."""
    yield from _close(rules, s, n, "records the result", "happened", "done")


def _refused(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    yield from _close(rules, s, n, "records that it did not happen", "not", "error")


def _close(rules: Rules, s: Scene, n: int, says: str, ledger: str, doing: str) -> Iterator[Step]:
    e, who = s.executors[n], f"executor {n + 1}"
    if lease_is_locked(rules, s):
        return
    accepted, breach = fence(rules, s, n, "T5 result token")
    if not accepted:
        yield Step(f"{who} {says}: refused, and it stops", with_executor(s, n, stopped(e)))
        return
    closed = s._replace(ledger=ledger)
    yield Step(f"{who} {says}", with_executor(closed, n, e._replace(doing=doing)), OPENED, breach)
    if s.faults and ledger == "happened":
        for after, lost in ((closed, ", and the answer is lost"), (s, ": lost on the way")):
            asking = with_executor(after, n, e._replace(doing="close?"), faults=s.faults - 1)
            yield Step(f"{who} {says}{lost}", asking, OPENED if after is closed else None, breach, "fault")


def _unsure(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    """Leave the handler with the outcome unknown: it raises, or returns as if nothing were."""
    e, who = s.executors[n], f"executor {n + 1}"
    doubt = rules.doubtful(s) and rules.guards.on("T7 no effect in doubt")
    ending = e._replace(doing="doubt" if doubt else "error")
    yield Step(f"{who}: the handler raises", with_executor(s, n, ending))
    if not rules.guards.on("T6 no effect open"):
        yield Step(f"{who}: the handler returns all the same", with_executor(s, n, e._replace(doing="done")))


def _reconcile(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    e, who = s.executors[n], f"executor {n + 1}"
    if s.performed:
        yield Step(f"{who} asks the receiver: it happened", with_executor(s, n, e._replace(doing="answered")))
    else:
        yield Step(f"{who} asks the receiver: it did not", with_executor(s, n, e._replace(doing="intent")))
    unknown = with_executor(s, n, e._replace(doing="doubt"))
    yield Step(f"{who} asks the receiver: it cannot tell", unknown, kind="fault")


def _ask_for_another(rules: Rules, s: Scene, n: int) -> Iterator[Step]:
    """Go on as a handler that builds another request than last time."""
    e = s.executors[n]
    if s.others and s.ledger != "none":
        other = with_executor(s, n, e._replace(asks=1), others=s.others - 1)
        yield Step(f"executor {n + 1}: the handler builds another request", other, kind="fault")
    yield from _open(rules, s, n)


LEDGER: dict[str, Callable[[Rules, Scene, int], Iterator[Step]]] = {
    "running": _ask_for_another,
    "intent": _intent,
    "again": _intent,
    "answered": _answered,
    "refused": _refused,
    "unsure": _unsure,
    "reconcile": _reconcile,
}
