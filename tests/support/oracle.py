"""What every door of the storage must answer: a plain model of jobs, claims, ledger and dead letters, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

LOSSES, UNSTARTED = 2, 2
WINDOW_SECONDS = 60.0

Refused = Literal["Conflict", "Stale", "Missing", "Invalid", "KeyReused"]
Ending = Literal["finish", "retry", "snooze", "fail", "hand back", "doubt"]


@dataclass
class Effect:
    """One row of the ledger."""

    state: str
    unsafe: bool
    request: bytes
    token: UUID
    repeat_until: datetime | None


@dataclass
class Letter:
    """One dead letter."""

    version: int = 1
    state: str = "open"


@dataclass
class Job:
    """One job, wherever it is; `rank` orders what is READY, `line` what is BLOCKED."""

    id: UUID
    key: str | None
    ordered: bool
    state: str = ""
    rank: tuple[int, int] = (0, 0)
    line: int = 0
    run_at: datetime | None = None
    holds: bool = False
    lease_no: int = 0
    retry_count: int = 0
    losses: int = 0
    unstarted: int = 0
    replay_no: int = 0
    token: UUID | None = None
    executor: UUID | None = None
    cancel: bool = False
    letter: Letter | None = None
    effects: dict[int, Effect] = field(default_factory=dict)

    def counters(self) -> tuple[object, ...]:
        """What the view over all places tells of it."""
        return (self.state, self.lease_no, self.retry_count, self.losses, self.unstarted, self.replay_no)


class Oracle:
    """All jobs, and what becomes of them; each method changes the model as its door must change the database."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.jobs: dict[UUID, Job] = {}
        self.submitted: dict[str, tuple[bytes, UUID]] = {}
        self._seq = 0

    def submit(
        self, id: UUID, key: str | None, ordered: bool, delay: float, said: tuple[str, bytes] | None
    ) -> UUID | Refused:
        """Store a job; `said` is its idempotency key and the digest of its request."""
        if said is not None and said[0] in self.submitted:
            digest, earlier = self.submitted[said[0]]
            return earlier if digest == said[1] else "KeyReused"
        if said is not None:
            self.submitted[said[0]] = (said[1], id)
        job = self.jobs[id] = Job(id, key, ordered)
        if delay > 0:
            job.state, job.run_at = "SCHEDULED", self.now + timedelta(seconds=delay)
        else:
            self._to_ready_or_line(job, lane=1)
        self.admit()
        return id

    def claimable(self) -> list[set[UUID]]:
        """Ready jobs in the order of claims; those that one statement moved have no order among them."""
        ranks = sorted({job.rank for job in self.jobs.values() if job.state == "READY"})
        return [{job.id for job in self.jobs.values() if job.state == "READY" and job.rank == rank} for rank in ranks]

    def claimed(self, id: UUID, token: UUID, executor: UUID) -> None:
        """Take note of a claim."""
        job = self.jobs[id]
        job.state, job.token, job.executor, job.lease_no = "RUNNING", token, executor, job.lease_no + 1

    def holds(self, id: UUID, token: UUID) -> bool:
        """Whether a claim is the present one."""
        return self.jobs[id].state == "RUNNING" and self.jobs[id].token == token

    def end(self, id: UUID, token: UUID, how: Ending, delay: float) -> str | None:
        """End an attempt; the new state, None when the claim is stale."""
        if not self.holds(id, token):
            return None
        job = self.jobs[id]
        if how == "doubt":
            self._leave(job, "IN_DOUBT", holds=job.ordered)
        elif job.cancel:
            self._leave(job, "CANCELLED")
        elif how in ("retry", "snooze"):
            job.retry_count += how == "retry"
            self._leave(job, "SCHEDULED", holds=job.ordered)
            job.run_at = self.now + timedelta(seconds=delay)
        elif how == "hand back":
            self._leave(job, "READY")
            self._rank(job, 0)
        else:
            self._leave(job, "SUCCEEDED" if how == "finish" else "FAILED")
        self.admit()
        return job.state

    def rescue(self, executor: UUID, started: bool) -> dict[UUID, str]:
        """Take back what a dead executor holds, in one statement for each verdict."""
        held = [job for job in self.jobs.values() if job.state == "RUNNING" and job.executor == executor]
        self._seq += 1
        moved = {}
        for job in held:
            doubt = any(self._in_doubt(effect) for effect in job.effects.values())
            job.losses, job.unstarted = job.losses + started, job.unstarted + (not started)
            spent = job.losses >= LOSSES if started else job.unstarted >= UNSTARTED
            cancelled = job.cancel
            self._leave(
                job,
                "IN_DOUBT" if doubt else "CANCELLED" if cancelled else "FAILED" if spent else "READY",
                holds=doubt and job.ordered,
            )
            job.rank = (0, self._seq)
            moved[job.id] = job.state
        self.admit()
        return moved

    def promote(self) -> dict[UUID, str]:
        """Let everything go that is due."""
        due = [job for job in self.jobs.values() if job.state == "SCHEDULED" and job.run_at and job.run_at <= self.now]
        for job in sorted(due, key=lambda job: (job.run_at, job.id)):
            self._to_ready_or_line(job, lane=0 if job.lease_no else 1)
        moved = {job.id: job.state for job in due}
        self.admit()
        return moved

    def run_now(self, id: UUID) -> bool:
        """Start a scheduled job early; False when it is not scheduled."""
        if self.jobs[id].state != "SCHEDULED":
            return False
        self._to_ready_or_line(self.jobs[id], lane=0)
        self.admit()
        return True

    def cancel(self, id: UUID) -> str:
        """Cancel a job."""
        job = self.jobs[id]
        if job.state == "RUNNING":
            job.cancel = True
            return "requested"
        if job.state in ("SUCCEEDED", "FAILED"):
            return "Conflict"
        job.state, job.holds = "CANCELLED", False
        self.admit()
        return "cancelled"

    def answer(self, id: UUID, version: int, act: Literal["replayed", "discarded"]) -> Refused | None:
        """Replay a dead letter's job, or discard the letter."""
        job = self.jobs[id]
        if job.letter is None:
            return "Missing"
        if job.letter.version != version:
            return "Stale"
        if job.letter.state != "open":
            return "Conflict"
        job.letter.version, job.letter.state = job.letter.version + 1, act
        if act == "replayed":
            job.retry_count = job.losses = job.unstarted = 0
            job.replay_no += 1
            self._to_ready_or_line(job, lane=1)
            self.admit()
        return None

    def settle(self, id: UUID, version: int, outcome: str, complete: bool) -> str:
        """Settle a job in doubt; its new state, or how it was refused."""
        job = self.jobs[id]
        if job.state != "IN_DOUBT":
            return "Conflict"
        if job.lease_no != version:
            return "Stale"
        open_effects = [effect for effect in job.effects.values() if effect.state == "open"]
        if outcome == "happened" and not open_effects and not complete:
            return "Invalid"
        if outcome != "failed":
            for effect in open_effects:
                effect.state = outcome
        if outcome == "failed" or complete:
            job.state, job.holds = "FAILED" if outcome == "failed" else "SUCCEEDED", False
            self._write_letter(job)
        else:
            job.state, job.run_at = "SCHEDULED", self.now
        self.admit()
        return job.state

    def open(self, id: UUID, token: UUID, ordinal: int, unsafe: bool, request: bytes) -> tuple[bool, str | None]:
        """Open an effect: whether the claim is held, and the state of what was there before."""
        before = self.jobs[id].effects.get(ordinal)
        held = self.holds(id, token)
        if held and before is None:
            self.jobs[id].effects[ordinal] = Effect("open", unsafe, request, token, self._window(unsafe))
        return held, before.state if before and held else None

    def reopen(self, id: UUID, token: UUID, ordinal: int, unsafe: bool, request: bytes) -> bool:
        """Open an effect that is known; whether it is open now under this claim."""
        effect = self.jobs[id].effects.get(ordinal)
        if effect is None or not self.holds(id, token) or effect.state == "happened":
            return False
        if effect.state == "open" and effect.request != request:
            return False
        if effect.state == "did_not_happen":
            effect.repeat_until = self._window(unsafe)
        effect.state, effect.unsafe, effect.request, effect.token = "open", unsafe, request, token
        return True

    def close(self, id: UUID, token: UUID, ordinal: int, outcome: str) -> bool:
        """Record an outcome; whether it was accepted."""
        effect = self.jobs[id].effects.get(ordinal)
        if effect is None or not self.holds(id, token) or effect.token != token:
            return False
        if effect.state not in ("open", outcome):
            return False
        effect.state = outcome
        return True

    def admit(self) -> None:
        """Let the first of each line go when nobody holds its key."""
        for key in {job.key for job in self.jobs.values()} - {None}:
            line = sorted((job for job in self._of(key) if job.state == "BLOCKED"), key=lambda job: job.line)
            if line and not any(job.state in ("READY", "RUNNING") or job.holds for job in self._of(key)):
                line[0].state = "READY"
                self._rank(line[0], 1)

    def holders(self, key: str) -> int:
        """How many run under a key, or keep it while they wait; its limit is 1."""
        return sum(job.state == "RUNNING" or job.holds for job in self._of(key))

    def _of(self, key: str | None) -> Iterator[Job]:
        return (job for job in self.jobs.values() if job.key == key)

    def _to_ready_or_line(self, job: Job, lane: int) -> None:
        if job.key is None or job.holds:
            job.state = "READY"
            self._rank(job, lane)
        else:
            self._seq += 1
            job.state, job.line = "BLOCKED", self._seq
        job.holds = False

    def _rank(self, job: Job, lane: int) -> None:
        self._seq += 1
        job.rank = (lane, self._seq)

    def _leave(self, job: Job, state: str, *, holds: bool = False) -> None:
        job.state, job.holds = state, holds
        job.token = job.executor = None
        job.cancel = False
        self._write_letter(job)

    def _write_letter(self, job: Job) -> None:
        if job.state == "FAILED":
            job.letter = Letter(job.letter.version + 1) if job.letter else Letter()

    def _window(self, unsafe: bool) -> datetime | None:
        return None if unsafe else self.now + timedelta(seconds=WINDOW_SECONDS)

    def _in_doubt(self, effect: Effect) -> bool:
        expired = effect.repeat_until is not None and effect.repeat_until < self.now
        return effect.state == "open" and (effect.unsafe or expired)
