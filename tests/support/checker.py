"""Judges three independent histories: what clients heard, what the database tells, what the recorder really did.

Pure: the same histories always give the same breaches. A duplicate is a breach, never a footnote. Run it when faults
are over and the site is at rest; `at_rest=False` leaves out what may still come right by itself (I6, I14).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.support.client_history import Request
from tests.support.database_history import TERMINAL, DatabaseHistory, Effect
from tests.support.recorder import Recorded
from tests.support.story import story

HANDLER_ANSWERED = ("succeeded", "failed", "retried")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the workers were set to."""

    losses: int = 3
    unstarted: int = 10


@dataclass(frozen=True, slots=True)
class Histories:
    """All that is known; every effect goes to the recorder.

    `written` counts the rows that each transactional job has committed, where each is to write one.
    """

    client: Sequence[Request] = ()
    database: DatabaseHistory = field(default_factory=DatabaseHistory)
    recorder: Sequence[Recorded] = ()
    written: Mapping[str, int] | None = None
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Breach:
    """One thing that may never be: which invariant, whose, in words, and the story of that job."""

    invariant: str
    job: str | None
    says: str
    story: str

    def __str__(self) -> str:
        """Return it as a test prints it."""
        return f"{self.invariant} {self.job or ''}: {self.says}\n{self.story}"


Found = Iterator[tuple[str | None, str]]


def check(histories: Histories, *, at_rest: bool = True) -> list[Breach]:
    """Return every breach of I1 to I7, I9, I12 to I14, each with the timeline of its job; empty when all is right."""
    rules = dict(RULES) if at_rest else {name: rule for name, rule in RULES.items() if name not in ("I6", "I14")}
    return [
        Breach(name, job, says, story(job, histories.client, histories.database, histories.recorder) if job else "")
        for name, rule in rules.items()
        for job, says in rule(histories)
    ]


def count(histories: Histories) -> Counter[str]:
    """Sort every submit like a total queue: acknowledged, lost, recovered (stored though nobody heard), refused."""
    stored = {job.marker for job in histories.database.jobs.values() if job.marker} | set(histories.database.keys)
    sorted_: Counter[str] = Counter()
    for request in _asked(histories, "submit"):
        if request.heard == "ok":
            sorted_["acknowledged"] += 1
            sorted_["lost"] += request.job not in histories.database.jobs
        elif request.heard == "unknown":
            sorted_["recovered" if request.key in stored else "unknown"] += 1
        else:
            sorted_["refused"] += 1
    return sorted_


def _i1(h: Histories) -> Found:
    """Every acknowledged submit has exactly one job, and nothing was stored that nobody asked for."""
    jobs = h.database.jobs
    for request in _asked(h, "submit", "ok"):
        if request.job not in jobs:
            yield request.job, f"its submit (key {request.key}) was acknowledged, and there is no such job"
    asked = {request.key for request in _asked(h, "submit")}
    stored: dict[str, list[str]] = defaultdict(list)
    for job in jobs.values():
        if job.marker is not None:
            stored[job.marker].append(job.job)
    for marker, same in stored.items():
        if len(same) > 1:
            yield same[1], f"{len(same)} jobs were stored for the one submit {marker}: {', '.join(sorted(same))}"
        if asked and marker not in asked:
            yield same[0], f"nobody submitted {marker}"


def _i2(h: Histories) -> Found:
    """A terminal job changes only by a replay that somebody recorded."""
    for job, tickets in h.database.tickets.items():
        replayed = sum(event.kind == "replayed" for event in h.database.events.get(job, ()))
        if max(ticket.replays for ticket in tickets) > replayed:
            yield job, f"it is in replay {tickets[0].replays}, and {replayed} replays were recorded"
        if len(tickets) > 1 and any(ticket.state in TERMINAL for ticket in tickets):
            yield job, f"it has ended and is also {', '.join(ticket.state for ticket in tickets)}"
    for job, attempts in h.database.attempts.items():
        success = next((attempt.lease for attempt in attempts if attempt.outcome == "succeeded"), None)
        if success is not None and attempts[-1].lease > success:
            yield job, f"attempt {attempts[-1].lease} followed attempt {success}, which had succeeded"


def _i3(h: Histories) -> Found:
    """Exactly one completion was accepted, of the last claim, and only a SUCCEEDED job has one."""
    for job in h.database.jobs:
        accepted = [each.lease for each in h.database.attempts.get(job, ()) if each.outcome == "succeeded"]
        state = h.database.state(job)
        if len(accepted) > 1:
            yield job, f"{len(accepted)} completions were accepted: attempts {accepted}"
        if state is None:
            continue  # it is nowhere, or twice: I7 says so
        if accepted and state not in ("SUCCEEDED", "CANCELLED"):
            yield job, f"a completion was accepted, and it is {state}"
        if state == "SUCCEEDED" and not accepted and not _settled(h, job):
            yield job, "it is SUCCEEDED, and no completion was accepted"
        if accepted and accepted[-1] != h.database.tickets[job][0].lease:
            yield job, f"attempt {accepted[-1]} was accepted, and the last claim was {h.database.tickets[job][0].lease}"


def _i4(h: Histories) -> Found:
    """Effects happened once: by the receiver's count, and as the ledger says."""
    performed = Counter(entry.key for entry in h.recorder if entry.verdict == "performed")
    known = {effect.key: effect for effects in h.database.effects.values() for effect in effects}
    for entry in {entry.key: entry for entry in h.recorder if entry.verdict == "performed"}.values():
        times, effect = performed[entry.key], known.get(entry.key)
        if effect is None:
            yield entry.job, f"effect {entry.key} happened without an intent in the ledger"
        elif times > 1 + _allowed_again(h, effect):
            yield entry.job, f"effect {effect.name} ({effect.effects}) happened {times} times"
        elif effect.state == "did_not_happen" and effect.closed_by == "worker":
            yield entry.job, f"effect {effect.name} happened, and the ledger says that it did not"
    for effect in known.values():
        if effect.state == "happened" and effect.closed_by == "worker" and h.recorder and not performed[effect.key]:
            yield effect.job, f"effect {effect.name} is recorded as happened, and the receiver never did it"
    for job, facts in h.database.jobs.items() if h.written is not None else ():
        rows, wanted = (h.written or {}).get(job, 0), int(h.database.state(job) == "SUCCEEDED")
        if facts.effects == "transactional" and rows != wanted:
            yield job, f"it wrote {rows} rows where {wanted} belong"


def _i5(h: Histories) -> Found:
    """Starts are bounded: one, the errors allowed and the losses allowed, in each replay."""
    for job, attempts in h.database.attempts.items():
        epochs = 1 + max((ticket.replays for ticket in h.database.tickets.get(job, ())), default=0)
        outcomes = Counter(attempt.outcome for attempt in attempts)
        most = h.database.jobs[job].max_attempts if job in h.database.jobs else 1
        for words, limit in (
            (HANDLER_ANSWERED, most),
            (("lost",), h.limits.losses),
            (("unstarted",), h.limits.unstarted),
        ):
            times = sum(outcomes[word] for word in words)
            if times > limit * epochs:
                yield job, f"{times} attempts ended {' or '.join(words)}, and {limit} are allowed in each replay"


def _i6(h: Histories) -> Found:
    """At rest nothing hangs: no dead holder, no job that waits for a key nobody holds, no open transaction."""
    tickets = [ticket for places in h.database.tickets.values() for ticket in places]
    holders = {(each.queue, each.key, each.ordered) for each in tickets if each.held}
    for ticket in tickets:
        if not ticket.live:
            yield ticket.job, "its executor is dead, and it still holds the lease"
        if ticket.state == "BLOCKED" and (ticket.queue, ticket.key, ticket.ordered) not in holders:
            yield ticket.job, f"it is BLOCKED by the key {ticket.key}, which nobody holds"
    if h.database.idle_transactions:
        yield None, f"{h.database.idle_transactions} transactions are open and do nothing"


def _i7(h: Histories) -> Found:
    """Nothing is lost: each job in one place, each failure with its letter, lease numbers only rise."""
    for job in h.database.jobs:
        places = h.database.tickets.get(job, [])
        if len(places) != 1:
            yield job, f"it is in {len(places)} places: {', '.join(each.place for each in places) or 'none'}"
        attempts = h.database.attempts.get(job, [])
        if places and attempts and attempts[-1].lease > places[0].lease:
            yield job, f"attempt {attempts[-1].lease} was a later claim than the last one, {places[0].lease}"
        lettered = h.database.letters.get(job) in ("open", "discarded")
        if places and lettered != (h.database.state(job) == "FAILED"):
            yield job, f"it is {h.database.state(job)}, and its dead letter is {h.database.letters.get(job, 'missing')}"
    for job in h.database.tickets.keys() - h.database.jobs.keys():
        yield job, "there is a ticket without a job"
    for orders, holders in _holders(h).items():
        if len(holders) > 1:
            yield holders[0], f"the ordering key {orders[1]} is held by {len(holders)} jobs at once"


def _i9(h: Histories) -> Found:
    """A doubt has a ground, and what is in doubt is never done again without somebody's word."""
    for job, places in h.database.tickets.items():
        effects = [each for each in h.database.effects.get(job, ()) if each.state == "open"]
        since = [event for event in h.database.events.get(job, ()) if event.at >= places[0].at]
        told = any(event.kind == "in doubt" and event.reason for event in since)
        if places[0].state == "IN_DOUBT" and not effects and not told:
            yield job, "it is IN_DOUBT, and no effect is open and nothing says why"
        if places[0].state in ("READY", "SCHEDULED", "SUCCEEDED") and any(e.effects == "unsafe" for e in effects):
            yield job, f"it is {places[0].state} with an open unsafe effect"
    for job, attempts in h.database.attempts.items():
        doubts = sum(attempt.outcome == "in_doubt" for attempt in attempts)
        if doubts > _settled(h, job) + (h.database.state(job) in ("IN_DOUBT", "CANCELLED")):
            yield job, f"it was in doubt {doubts} times and settled {_settled(h, job)} times, and went on"
    asked: Counter[str] = Counter(each.key for each in h.recorder if each.verdict in ("performed", "repeated"))
    for effect in [each for effects in h.database.effects.values() for each in effects if each.effects == "unsafe"]:
        if asked[effect.key] > 1 + _allowed_again(h, effect):
            yield effect.job, f"the unsafe effect {effect.name} was asked for {asked[effect.key]} times, nobody said so"


def _i12(h: Histories) -> Found:
    """The same key stands for the same body and the same job."""
    by_key: dict[str, list[Request]] = defaultdict(list)
    for request in _asked(h, "submit", "ok"):
        if request.key is not None:
            by_key[request.key].append(request)
    for key, requests in by_key.items():
        jobs, bodies = {each.job for each in requests}, {each.body for each in requests}
        if len(jobs) > 1:
            yield requests[0].job, f"the key {key} was answered with {len(jobs)} jobs"
        if len(bodies) > 1:
            yield requests[0].job, f"the key {key} was accepted with {len(bodies)} different bodies"
        if key in h.database.keys and h.database.keys[key] not in jobs:
            yield requests[0].job, f"the key {key} was answered with this job, and stands for {h.database.keys[key]}"


def _i13(h: Histories) -> Found:
    """After an acknowledged cancel nothing succeeds, unless somebody settled a doubt that way."""
    for request in _asked(h, "cancel", "ok"):
        if request.job is not None and h.database.state(request.job) == "SUCCEEDED" and not _settled(h, request.job):
            yield request.job, "its cancel was acknowledged, and it SUCCEEDED"


def _i14(h: Histories) -> Found:
    """At rest everything has ended, or waits for a person."""
    for job in h.database.jobs:
        state = h.database.state(job)
        if state is not None and state not in TERMINAL and state != "IN_DOUBT":
            yield job, f"it is still {state}"


RULES: dict[str, Callable[[Histories], Found]] = {
    "I1": _i1,
    "I2": _i2,
    "I3": _i3,
    "I4": _i4,
    "I5": _i5,
    "I6": _i6,
    "I7": _i7,
    "I9": _i9,
    "I12": _i12,
    "I13": _i13,
    "I14": _i14,
}


def _asked(h: Histories, act: str, heard: str | None = None) -> Iterator[Request]:
    return (each for each in h.client if each.act == act and heard in (None, each.heard))


def _settled(h: Histories, job: str, outcome: str | None = None) -> int:
    """Count how often somebody settled a doubt of this job (as this outcome)."""
    settled = [event for event in h.database.events.get(job, ()) if event.kind == "settled"]
    return sum(outcome is None or f'"{outcome}"' in (event.said or "") for event in settled)


def _allowed_again(h: Histories, effect: Effect) -> int:
    """Count how often a person said that it did not happen: each time it may be done once more."""
    return _settled(h, effect.job, "did_not_happen")


def _holders(h: Histories) -> dict[tuple[str, str | None], list[str]]:
    found: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for ticket in (each for places in h.database.tickets.values() for each in places):
        if ticket.held and ticket.ordered:
            found[ticket.queue, ticket.key].append(ticket.job)
    return found
