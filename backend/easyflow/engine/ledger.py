"""The effect ledger as one attempt sees it: what its handler asks for, what is recorded already, what is still open."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import asyncpg
from pydantic import TypeAdapter
from pydantic_core import from_json, to_jsonable_python

from easyflow import failpoints
from easyflow.context import Context, Effect
from easyflow.domain import document
from easyflow.domain.effects import DidNotHappen, EffectState, Happened, OpenEffect, Unknown, doubtful
from easyflow.domain.outcome import MESSAGE_CHARS
from easyflow.domain.states import Effects
from easyflow.engine.effect_steps import Book, Call, Steps, Write, drive, drive_in_thread
from easyflow.engine.faults import storable
from easyflow.engine.refusals import is_definite
from easyflow.engine.values import ResultRefused, encode
from easyflow.errors import EffectInDoubt, EffectOpen, LostClaim, Misconfigured
from easyflow.failpoints import Point
from easyflow.registry import TaskType
from easyflow.storage.effects import Closing, Intent, reason_of

KEY_DIGITS = 8
_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One effect a handler asked for."""

    intent: Intent
    effect: Effect
    call: Callable[[str], Any]
    returns: TypeAdapter[Any] | None
    reconcile: Callable[[Context, Effect], Any] | None

    def read(self, text: str | None) -> Any:
        """Return a recorded result as the handler gets it: the same the first time and on every re-run."""
        if text is None:
            return None
        return from_json(text) if self.returns is None else self.returns.validate_json(text)


class Ledger:
    """The effects of one attempt, in the order in which its handler asks for them.

    Nothing is called before its intent is committed under the claim, and everything that is not known to be closed
    counts as open, also what may not have reached the database.
    """

    def __init__(self, row: asyncpg.Record, task: TaskType, book: Book, result_bytes: int) -> None:
        """Begin with nothing asked for."""
        self._row = row
        self._task = task
        self._book = book
        self._result_bytes = result_bytes
        self._asked = 0
        self._open: dict[int, OpenEffect] = {}
        self._stuck: str | None = None

    def doubt(self) -> str | None:
        """Say why a person must decide before the job goes on; None when nobody need to."""
        if self._stuck is None and (in_doubt := doubtful(list(self._open.values()))):
            return reason_of(in_doubt)
        return self._stuck

    def require_closed(self) -> None:
        """Raise when the handler returns although an outcome is not known: EffectInDoubt, or EffectOpen."""
        doubt = self.doubt()
        if doubt is not None:
            raise EffectInDoubt(doubt)
        forgotten = [str(ordinal) for ordinal in self._row.get("open_effects") or () if ordinal > self._asked]
        if forgotten:
            self._stick(f"effect {', '.join(forgotten)} is open from an earlier attempt, and not asked for any more")
        if self._open:
            names = ", ".join(effect.name for effect in list(self._open.values()))
            raise EffectOpen(f"the handler returned although the outcome of its effect {names} is not known")

    def perform(
        self,
        context: Context,
        name: str,
        call: Callable[[str], Any],
        *,
        request: Any,
        effects: str | None,
        returns: Any,
        reconcile: Callable[[Context, Effect], Any] | None,
    ) -> Any:
        """Do one effect; see `Context.effect`. For an async handler a coroutine, for others the result itself."""
        asked = self._ask(name, call, request, self._class_of(name, effects), returns, reconcile)
        steps = self._steps(context, asked)
        return drive(steps) if self._task.is_async else drive_in_thread(steps, self._book)

    def _class_of(self, name: str, effects: str | None) -> Effects:
        declared = self._task.effects if effects is None else Effects(effects)
        if declared in (Effects.PURE, Effects.TRANSACTIONAL):
            raise Misconfigured(
                f"task {self._task.name} declares effects='{self._task.effects}': say effects='unsafe' in its "
                f"@task, or effects='keyed' or 'queryable' there or for the effect {name} alone"
            )
        if declared is Effects.UNSAFE and self._task.effects is not Effects.UNSAFE:
            # After a failover the jobs of unsafe tasks wait: that goes by the task, before any handler runs.
            raise Misconfigured(f"effect {name} of task {self._task.name} is unsafe: say effects='unsafe' in its @task")
        return declared

    def _ask(
        self,
        name: str,
        call: Callable[[str], Any],
        request: Any,
        effects: Effects,
        returns: Any,
        reconcile: Callable[[Context, Effect], Any] | None,
    ) -> _Asked:
        lookup = reconcile or self._task.reconcile
        if effects is Effects.QUERYABLE and lookup is None:
            raise Misconfigured(f"effect {name} of task {self._task.name} is queryable and has no reconcile=...")
        self._asked += 1
        row = self._row
        asked_for = row["payload"].encode() if request is None else document.canonical(to_jsonable_python(request))
        digest = hashlib.sha256(name.encode() + b"\0" + asked_for).digest()
        key = f"{row['job_id']}.{self._asked}.{digest.hex()[:KEY_DIGITS]}"
        window = self._task.key_window_seconds if effects is Effects.KEYED else None
        intent = Intent(
            row["job_id"], row["claim_token"], row["lease_no"], self._asked, name, effects, key, digest, window
        )
        adapter = None if returns is None else TypeAdapter(returns)
        return _Asked(intent, Effect(name, key, row["lease_no"]), call, adapter, lookup)

    def _steps(self, context: Context, asked: _Asked) -> Steps:
        """Do everything in its order; whoever drives these steps awaits or waits for each."""
        intent = asked.intent
        self._open[intent.ordinal] = OpenEffect(intent.name, intent.effects)
        found = yield Write(self._book.open(intent))
        if not found["held"]:
            raise LostClaim
        if found["state"] is not None and not _is_own(found, intent):
            known = yield from self._known(context, asked, found)
            if known is not None:
                return (yield from self._happened(asked, known)) if isinstance(known, Happened) else asked.read(known)
            if intent.ordinal not in self._open:
                return None
        repeated = _is_repeated(found, intent)
        yield from self._reach(Point.P4)
        if not self._book.may_act():
            if not repeated:
                yield from self._close(intent, EffectState.DID_NOT_HAPPEN, None, "not begun: the lease had run out")
            raise LostClaim("the lease of this job's executor had run out before the effect began")
        try:
            value = yield Call(asked.call, (intent.key,))
        except BaseException as raised:
            if isinstance(raised, DidNotHappen) or (is_definite(raised) and not repeated):
                yield from self._close(intent, EffectState.DID_NOT_HAPPEN, None, _words(raised))
            raise
        yield from self._reach(Point.P6)
        result = yield from self._happened(asked, Happened(value))
        yield from self._reach(Point.P7)
        return result

    def _known(self, context: Context, asked: _Asked, found: asyncpg.Record) -> Steps:
        """Decide about an effect the ledger knows; returns its recorded result, Happened, or None to call it (again).

        A recorded null is told by the effect not being open any more.
        """
        intent = asked.intent
        if found["state"] != EffectState.DID_NOT_HAPPEN and found["request_hash"] != intent.request_hash:
            self._stick(
                f"effect {intent.ordinal} ({intent.name}) asks for another request than the ledger holds: recorded "
                f"{found['request_hash'].hex()[:12]}, now {intent.request_hash.hex()[:12]}"
            )
        if found["state"] == EffectState.HAPPENED:
            del self._open[intent.ordinal]
            if found["result"] is None and found["note"]:
                raise ResultRefused(found["note"])
            return found["result"]
        if found["state"] == EffectState.OPEN:
            self._open[intent.ordinal] = earlier = _begun(found, asked)
            if earlier.in_doubt:
                self._stick(reason_of([earlier]))
        if not (yield Write(self._book.reopen(intent))):
            raise LostClaim
        self._open[intent.ordinal] = OpenEffect(intent.name, intent.effects)
        if found["state"] == EffectState.OPEN and found["effects"] == Effects.QUERYABLE:
            return (yield from self._reconcile(context, asked))
        return None

    def _reconcile(self, context: Context, asked: _Asked) -> Steps:
        """Ask the receiver what became of an effect; Happened, or None when it is certain that it did not."""
        assert asked.reconcile is not None
        try:
            answer = yield Call(asked.reconcile, (context, asked.effect))
        except (DidNotHappen, Unknown) as raised:
            answer = raised
        if isinstance(answer, Happened):
            return answer
        if isinstance(answer, Unknown):
            self._stick(f"effect {asked.intent.name}: its receiver cannot tell whether it happened: {_words(answer)}")
        if not isinstance(answer, DidNotHappen):
            raise Misconfigured(
                f"reconcile of task {self._task.name} must answer Happened, DidNotHappen or Unknown, "
                f"not {type(answer).__name__}"
            )
        return None

    def _happened(self, asked: _Asked, happened: Happened) -> Steps:
        """Record a result and return it as the handler gets it."""
        try:
            text = encode(asked.returns or _ANYTHING, happened.result, self._result_bytes)
        except ResultRefused as refused:
            yield from self._close(asked.intent, EffectState.HAPPENED, None, str(refused))
            raise
        yield from self._close(asked.intent, EffectState.HAPPENED, text, None)
        return asked.read(text)

    def _close(self, intent: Intent, state: EffectState, result: str | None, note: str | None) -> Steps:
        closing = Closing(intent.job_id, intent.claim_token, intent.ordinal, state, result, note)
        if not (yield Write(self._book.close(closing))):
            raise LostClaim
        del self._open[intent.ordinal]

    def _reach(self, point: Point) -> Steps:
        if failpoints.armed():
            yield Write(failpoints.reach(point, [self._row], self._book))

    def _stick(self, reason: str) -> NoReturn:
        """Have the job wait for a person, whatever the handler makes of the exception."""
        self._stuck = reason
        raise EffectInDoubt(reason)


def _begun(found: asyncpg.Record, asked: _Asked) -> OpenEffect:
    """Return what an earlier attempt left open; of two classes, when the task's has changed, the stricter one."""
    begun_as = Effects(found["effects"])
    nobody_asks = begun_as is Effects.QUERYABLE and asked.reconcile is None
    strict = nobody_asks or asked.intent.effects is Effects.UNSAFE
    return OpenEffect(asked.intent.name, Effects.UNSAFE if strict else begun_as, found["expired"])


def _is_own(found: asyncpg.Record, intent: Intent) -> bool:
    """Say whether the effect was opened by this very claim, a moment ago: the first answer was lost."""
    return bool(found["state"] == EffectState.OPEN and found["claim_token"] == intent.claim_token)


def _is_repeated(found: asyncpg.Record, intent: Intent) -> bool:
    """Say whether an earlier attempt has called it: then it may have happened, whatever becomes of this call."""
    keyed = bool(found["state"] == EffectState.OPEN and found["effects"] == Effects.KEYED)
    return keyed and not _is_own(found, intent)


def _words(raised: BaseException) -> str:
    return storable(str(raised) or type(raised).__name__, MESSAGE_CHARS)
