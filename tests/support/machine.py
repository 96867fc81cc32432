"""A machine of random acts by everybody, one after the other, on a real PostgreSQL; a model predicts each answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar
from uuid import UUID

import asyncpg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from easyflow.domain.effects import EffectState
from easyflow.domain.outcome import Failed, HandedBack, InDoubt, Outcome, PutBack, Succeeded
from easyflow.domain.states import Effects
from easyflow.errors import Conflict, Invalid, KeyReused, Missing, Stale
from easyflow.storage import effects, enqueue, in_doubt, workers
from easyflow.storage.admission import Key, admit, keys_of
from easyflow.storage.database import committed
from easyflow.storage.effects import Closing, Intent
from easyflow.storage.in_doubt import Settlement
from easyflow.storage.rescue import Limits, rescue
from easyflow.storage.sql import Connection, statement
from tests.support import acts
from tests.support.factories import FAULT, claim, conservation, end, start_executor, stop_clock, ticket
from tests.support.oracle import LOSSES, UNSTARTED, WINDOW_SECONDS, Ending, Oracle

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
MOST_JOBS = 6
SETTLEMENTS: tuple[Settlement, ...] = ("happened", "did_not_happen", "failed")
ANSWERS: tuple[Literal["replayed", "discarded"], ...] = ("replayed", "discarded")
# How far the version that an operator saw is behind the present one.
BEHIND = (0, 0, 0, 1)
KEYS: tuple[tuple[str | None, bool], ...] = ((None, False), (None, False), ("k", False), ("o", True))
SAID = (None, None, None, ("idem-1", b"one"), ("idem-1", b"other"))
REQUESTS = (b"this", b"that")
OUTCOMES: dict[Ending, Outcome] = {
    "finish": Succeeded('"done"'),
    "fail": Failed("handler gave up", FAULT),
    "hand back": HandedBack(),
    "doubt": InDoubt("asked for", FAULT),
    "retry": PutBack("retried", 30.0, FAULT),
    "snooze": PutBack("snoozed", 30.0, None),
}
TABLES = (
    "ready, leases, parked, finished, jobs, attempts, results, effects, dead_letters, job_events, audit, keys, "
    "idempotency_keys, executors, workers"
)
EVERYTHING = """
select s.job_id, s.state, s.lease_no, s.retry_count, s.losses, s.unstarted, s.replay_no, l.claim_token,
       l.cancel_requested, d.version as letter, d.state as letter_state,
       array(select (e.ordinal, e.state, e.claim_token)::text from easyflow.effects as e where e.job_id = s.job_id
             order by e.ordinal) as effects
from easyflow.job_states as s
left join easyflow.leases as l using (job_id)
left join easyflow.dead_letters as d using (job_id)
"""

Answer = TypeVar("Answer")
Drawn = TypeVar("Drawn")


class Machine(RuleBasedStateMachine):
    """Everybody who acts on jobs; the model says what each must be told, and where every job then is."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: Connection) -> None:
        """Begin in an empty database, at noon."""
        super().__init__()
        self._loop = loop
        self._connection = connection
        self.oracle = Oracle(NOON)
        self.executors: list[UUID] = []
        self.claims: list[asyncpg.Record] = []
        self.cancels = 3
        for table in TABLES.split(", "):
            self._do(connection.execute(f"delete from easyflow.{table}"))
        self._do(stop_clock(connection, NOON))

    def _do(self, doing: Coroutine[Any, Any, Answer]) -> Answer:
        return self._loop.run_until_complete(doing)

    def _said(self, doing: Coroutine[Any, Any, Answer]) -> Answer | str:
        """Return an answer, or the name of the refusal."""
        try:
            return self._do(doing)
        except (Conflict, Stale, Missing, Invalid, KeyReused) as refused:
            return type(refused).__name__

    def _any_job(self, *states: str) -> bool:
        return any(job.state in states for job in self.oracle.jobs.values())

    def _job(self, data: st.DataObject, *states: str) -> UUID:
        """Draw a job, mostly one in these states."""
        likely = [job.id for job in self.oracle.jobs.values() if job.state in states]
        return _draw(data, likely, list(self.oracle.jobs))

    def _claim(self, data: st.DataObject) -> asyncpg.Record:
        """Draw a claim, mostly of a job that runs, be it under this claim or under a later one."""
        running = [row for row in self.claims if self.oracle.jobs[row["job_id"]].state == "RUNNING"]
        return _draw(data, running, self.claims)

    @initialize(keys=st.tuples(*[st.sampled_from(KEYS)] * 3))
    def begin(self, keys: Any) -> None:
        """Begin with two executors and three jobs, one of them claimed."""
        self.executors = [self._do(start_executor(self._connection)) for _ in range(2)]
        for key in keys:
            self._submit(key, 0.0, None)
        self._claim_for(self.executors[0], 1)

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        """Let somebody do something that may matter now. One rule: Hypothesis leaves whole rules out of an example."""
        jobs = self.oracle.jobs.values()
        likely: list[Callable[[st.DataObject], None]] = [self._end, self._end, self._open_effect]
        likely += [self._claim_next] * 3 * self._any_job("READY")
        likely += [self._close_effect] * any(job.effects for job in jobs)
        likely += [self._die] * self._any_job("RUNNING")
        likely += [self._wait, self._run_now] * self._any_job("SCHEDULED")
        likely += [self._cancel] * bool(self.cancels)
        likely += [self._answer_letter] * 2 * self._any_job("FAILED")
        likely += [self._settle_one] * 3 * self._any_job("IN_DOUBT")
        likely += [self._submit_one] * (len(jobs) < MOST_JOBS)
        data.draw(st.sampled_from(likely))(data)

    def _submit_one(self, data: st.DataObject) -> None:
        """Submit a job, perhaps under an idempotency key that was used before."""
        delay, said = data.draw(st.sampled_from((0.0, 0.0, 60.0))), data.draw(st.sampled_from(SAID))
        self._submit(data.draw(st.sampled_from(KEYS)), delay, said)

    def _submit(self, key: tuple[str | None, bool], delay: float, said: tuple[str, bytes] | None) -> None:
        name, in_order = key
        new = ticket(
            key=name,
            ordered=in_order if name else None,
            delay_seconds=delay or None,
            idempotency_key=said[0] if said else None,
            digest=said[1] if said else b"",
        )
        expected = self.oracle.submit(new.id, name, in_order, delay, said)
        assert self._said(self._store(new)) == expected

    async def _store(self, new: enqueue.NewTicket) -> UUID:
        async with committed(self._connection):
            stored = await enqueue.store(self._connection, [new])
        if new.key is not None:
            await admit(self._connection, [Key(new.queue, new.key, bool(new.ordered))])
        return stored.ids[0]

    def _claim_next(self, data: st.DataObject) -> None:
        """Claim: the most urgent, each once, in their order."""
        self._claim_for(self.executors[data.draw(st.integers(0, 1))], data.draw(st.integers(1, 2)))

    def _claim_for(self, executor: UUID, most: int) -> None:
        groups = self.oracle.claimable()
        rows = self._do(claim(self._connection, most, executor_id=executor))
        assert len(rows) == min(most, sum(map(len, groups)))
        for row in rows:
            group = next(each for each in groups if each)
            assert row["job_id"] in group, "another job is more urgent"
            group.remove(row["job_id"])
            self.oracle.claimed(row["job_id"], row["claim_token"], executor)
        self.claims += rows

    def _end(self, data: st.DataObject) -> None:
        """End an attempt, or try to with a claim that is long gone."""
        row, how = self._claim(data), data.draw(st.sampled_from(list(OUTCOMES)))
        expected = self.oracle.end(row["job_id"], row["claim_token"], how, 30.0)
        accepted = self._do(end(self._connection, [row], OUTCOMES[how]))
        self._do(admit(self._connection, keys_of(accepted)))
        assert [each["state"] for each in accepted] == ([expected] if expected else [])

    def _open_effect(self, data: st.DataObject) -> None:
        """Commit an intent, of a new effect or of what the ledger may know."""
        row, unsafe, request = self._claim(data), data.draw(st.booleans()), data.draw(st.sampled_from(REQUESTS))
        said = (row["job_id"], row["claim_token"], 1, unsafe, request)
        known = bool(self.oracle.jobs[row["job_id"]].effects)
        if known and data.draw(st.booleans()):
            reopened = self.oracle.reopen(*said)
            opened = self._do(effects.reopen_intents(self._connection, [_intent(row, unsafe, request)]))
            assert bool(opened) == reopened
            return
        expected = self.oracle.open(*said)
        (answer,) = self._do(effects.open_intents(self._connection, [_intent(row, unsafe, request)]))
        assert (answer["held"], answer["state"] if answer["held"] else None) == expected

    def _close_effect(self, data: st.DataObject) -> None:
        """Record how an effect came out."""
        row, outcome = self._claim(data), data.draw(st.sampled_from(("happened", "did_not_happen")))
        expected = self.oracle.close(row["job_id"], row["claim_token"], 1, outcome)
        closing = Closing(row["job_id"], row["claim_token"], 1, EffectState(outcome), None, None)
        assert bool(self._do(effects.close(self._connection, [closing]))) == expected

    def _die(self, data: st.DataObject) -> None:
        """Let an executor die and its jobs be taken back; another takes its place, and it goes on as a zombie."""
        which, started = data.draw(st.integers(0, 1)), data.draw(st.booleans())
        expected = self.oracle.rescue(self.executors[which], started)
        moved = self._do(self._bury(self.executors[which], started))
        assert {row["job_id"]: row["state"] for row in moved} == expected
        self.executors[which] = self._do(start_executor(self._connection))
        self._claim_for(self.executors[which], 1)

    async def _bury(self, executor: UUID, started: bool) -> list[asyncpg.Record]:
        await workers.retire(self._connection, executor)
        limits = Limits(LOSSES, UNSTARTED)
        moved = await rescue(self._connection, [executor], lambda token: "started" if started else "unknown", limits)
        await admit(self._connection, keys_of(moved))
        return moved

    def _wait(self, data: st.DataObject) -> None:
        """Let time go by, and what is due go on."""
        self.oracle.now += timedelta(seconds=data.draw(st.sampled_from((1, 30, 90))))
        self._do(stop_clock(self._connection, self.oracle.now))
        expected = self.oracle.promote()
        moved = self._do(statement("promote_jobs").fetch(self._connection, after=LONG_AGO, max_jobs=100))
        self._do(admit(self._connection, keys_of(moved)))
        assert {row["job_id"]: row["state"] for row in moved} == expected

    def _run_now(self, data: st.DataObject) -> None:
        """Start a scheduled job early."""
        job = self._job(data, "SCHEDULED")
        expected = "default" if self.oracle.run_now(job) else "Conflict"
        assert self._said(acts.run_now(self._connection, job)) == expected

    def _cancel(self, data: st.DataObject) -> None:
        """Cancel a job, wherever it is; not too often, or nothing is left that could happen."""
        self.cancels -= 1
        job = self._job(data, "RUNNING", "SCHEDULED", "BLOCKED")
        expected = self.oracle.cancel(job)
        assert self._said(acts.cancel(self._connection, job)) == expected

    def _answer_letter(self, data: st.DataObject) -> None:
        """Replay a failed job, or set its dead letter aside, as it was seen or as it was before."""
        job, act = self._job(data, "FAILED"), data.draw(st.sampled_from(ANSWERS))
        letter = self.oracle.jobs[job].letter
        version = (letter.version if letter else 1) - data.draw(st.sampled_from(BEHIND))
        said = {"seen_version": version, "actor": "ann", "reason": "asked"}
        refused = self.oracle.answer(job, version, act)
        replay = acts.replay(self._connection, job, payload=None, **said) if act == "replayed" else None
        answer = self._said(replay or acts.discard(self._connection, job, **said))
        assert answer == (refused or ("default" if act == "replayed" else version + 1))

    def _settle_one(self, data: st.DataObject) -> None:
        """Say what happened outside."""
        job, outcome = self._job(data, "IN_DOUBT"), data.draw(st.sampled_from(SETTLEMENTS))
        version = self.oracle.jobs[job].lease_no - data.draw(st.sampled_from(BEHIND))
        complete = outcome == "happened" and data.draw(st.booleans())
        expected = self.oracle.settle(job, version, outcome, complete)
        assert self._said(self._settle(job, version, outcome, complete)) == expected

    async def _settle(self, job: UUID, version: int, outcome: Settlement, complete: bool) -> str:
        async with committed(self._connection):
            moved = await in_doubt.settle(
                self._connection, job, outcome=outcome, seen_version=version, reason="x", actor="ann", complete=complete
            )
        await admit(self._connection, keys_of(moved))
        return str(moved[0]["state"])

    @invariant()
    def everything_is_where_the_model_says(self) -> None:
        """Every job is in one place, with its counters, its claim, its ledger and its dead letter."""
        found = {row["job_id"]: row for row in self._do(self._connection.fetch(EVERYTHING))}
        assert set(found) == set(self.oracle.jobs)
        for job in self.oracle.jobs.values():
            row = found[job.id]
            assert tuple(row)[1:7] == job.counters()
            assert (row["claim_token"], bool(row["cancel_requested"])) == (job.token, job.cancel)
            letter = (job.letter.version, job.letter.state) if job.letter else (None, None)
            assert (row["letter"], row["letter_state"]) == letter
            assert row["effects"] == [f"({n},{e.state},{e.token})" for n, e in sorted(job.effects.items())]
        window = self._do(conservation(self._connection))
        assert (window["lost"], window["doubled"], window["strangers"]) == ([], [], [])


def _draw(data: st.DataObject, likely: list[Drawn], known: list[Drawn]) -> Drawn:
    """Draw one of the likely, and now and then one of all."""
    rather = bool(likely) and data.draw(st.integers(0, 4)) > 0
    return data.draw(st.sampled_from(likely if rather else known))


def _intent(row: asyncpg.Record, unsafe: bool, request: bytes) -> Intent:
    kind, window = (Effects.UNSAFE, None) if unsafe else (Effects.KEYED, WINDOW_SECONDS)
    key = f"{row['job_id']}.1"
    return Intent(row["job_id"], row["claim_token"], row["lease_no"], 1, "charge", kind, key, request, window)
