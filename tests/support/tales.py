"""Histories made up for the checker's tests: sound ones, to be broken one way at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.support.checker import Histories, Limits
from tests.support.client_history import Heard, Request
from tests.support.database_history import Attempt, DatabaseHistory, Effect, Event, Job, Ticket
from tests.support.recorder import Recorded, Verdict


@dataclass
class Tale:
    """Histories in the making: begin with a sound one, then break it."""

    client: list[Request] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    attempts: dict[str, list[Attempt]] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)
    effects: dict[str, list[Effect]] = field(default_factory=dict)
    tickets: dict[str, list[Ticket]] = field(default_factory=dict)
    letters: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    recorder: list[Recorded] = field(default_factory=list)
    written: dict[str, int] | None = None
    idle_transactions: int = 0

    def job(self, name: str, state: str, *outcomes: str, effects: str = "pure", **facts: Any) -> None:
        """A submitted job with its attempts, now in a state."""
        self.asks("submit", key=f"key {name}", job=name, body="{}")
        self.keys[f"key {name}"] = name
        self.jobs[name] = Job(name, 1.0, "a.task", effects, facts.pop("max_attempts", 3), f"key {name}")
        self.attempts[name] = [Attempt(name, n, each, 1.0 + n, 1.5 + n) for n, each in enumerate(outcomes, 1)]
        self.events[name] = []
        place = {"RUNNING": "leases", "READY": "ready"}.get(state, "parked")
        place = "finished" if state in ("SUCCEEDED", "FAILED", "CANCELLED") else place
        known = {"replays": 0, "queue": "default", **facts}
        self.tickets[name] = [Ticket(name, 50.0, place, state, max(len(outcomes), 1), **known)]
        if state == "FAILED":
            self.letters[name] = "open"

    def asks(self, act: str, heard: Heard = "ok", **facts: Any) -> None:
        """A client asks for something."""
        self.client.append(Request("c1", len(self.client), act, 0.5, heard=heard, ended=0.9, **facts))

    def told(self, name: str, kind: str, reason: str | None = None, said: str | None = None, at: float = 60.0) -> None:
        """Somebody writes something down about a job."""
        self.events[name].append(Event(name, at, kind, "ann", reason, said))

    def effect(self, name: str, state: str, kind: str, *verdicts: Verdict, closed_by: str = "worker") -> None:
        """An effect in the ledger, and what the recorder did for its key."""
        key = f"{name}.1.c0ffee00"
        closed = (None, None) if state == "open" else (3.0, closed_by)
        self.effects[name] = [Effect(name, 1, 2.0, 1, 1, state, kind, "charge", key, *closed)]
        for verdict in verdicts:
            seq = len(self.recorder) + 1
            self.recorder.append(Recorded(seq, 2.5, key, 1, name, "charge", 1, verdict, seq, False))

    def histories(self) -> Histories:
        """What came of it."""
        database = DatabaseHistory(
            self.jobs,
            {name: each for name, each in self.attempts.items() if each},
            self.events,
            self.effects,
            self.tickets,
            self.letters,
            self.keys,
            self.idle_transactions,
        )
        return Histories(self.client, database, self.recorder, self.written, Limits(losses=3, unstarted=10))


def sound_tale() -> Tale:
    """One of everything that is right."""
    tale = Tale()
    tale.job("done", "SUCCEEDED", "retried", "lost", "succeeded")
    tale.job("failed", "FAILED", "retried", "retried", "failed")
    tale.job("written", "SUCCEEDED", "succeeded", effects="transactional")
    tale.job("unwritten", "FAILED", "failed", effects="transactional")
    tale.written = {"written": 1}
    tale.job("cancelled", "CANCELLED", "succeeded")
    tale.asks("cancel", job="cancelled")
    tale.job("charged", "SUCCEEDED", "lost", "succeeded", effects="keyed")
    tale.effect("charged", "happened", "keyed", "performed", "repeated")
    tale.job("refused", "SUCCEEDED", "retried", "succeeded", effects="unsafe")
    tale.effect("refused", "happened", "unsafe", "refused", "performed")
    tale.job("doubtful", "IN_DOUBT", "in_doubt", effects="unsafe")
    tale.effect("doubtful", "open", "unsafe", "performed")
    tale.job("done again", "SUCCEEDED", "in_doubt", "succeeded", effects="unsafe")
    tale.effect("done again", "happened", "unsafe", "performed", "performed")
    tale.told("done again", "settled", "the bank has nothing", '{"outcome": "did_not_happen", "complete": false}')
    tale.job("settled", "SUCCEEDED", "in_doubt", effects="unsafe")
    tale.effect("settled", "happened", "unsafe", closed_by="ann")
    tale.told("settled", "settled", "seen at the bank", '{"outcome": "happened", "complete": true}')
    tale.job("replayed", "SUCCEEDED", "retried", "retried", "failed", "succeeded", replays=1)
    tale.told("replayed", "replayed", "again")
    tale.letters["replayed"] = "replayed"
    tale.asks("submit", "unknown", key="never heard of", body="{}")
    tale.asks("submit", "fail", key="key done", body="{1}")
    return tale
