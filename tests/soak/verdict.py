"""What came of a soak: figures of every kind, and what must not be."""

from __future__ import annotations

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.stage import LOSSES, UNSTARTED
from tests.support.checker import Histories, Limits, check, count
from tests.support.client_history import read_client_history
from tests.support.database_history import DatabaseHistory
from tests.support.recorder import Recorded

OUTSIDE = ("keyed", "queryable", "unsafe")
CLASSES = ("pure", "transactional", *OUTSIDE)
STORIES = 10
# From this length on, what was never seen makes a run void.
LONG_SECONDS = 600.0
SOMETIMES = (
    "stale finishes rejected",
    "in doubt",
    "handed back",
    "lost and rescued",
    "lost before the start",
    "claims nobody heard of, handed back",
    "submits answered again with the same job",
    "submits with another body refused (422)",
    "second settlers refused (409)",
    "second replayers refused (409)",
    "effects the receiver knew again",
    "late calls the receiver refused",
)
# Nothing can make sure that a process is stopped in the middle of a call.
BY_LUCK = ("late calls the receiver refused",)


@dataclass(slots=True)
class Verdict:
    """Figures and breaches; the soak is passed when there is no breach."""

    jobs: dict[str, Counter[str]] = field(default_factory=dict)
    effects: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    submits: Counter[str] = field(default_factory=Counter)
    sometimes: Counter[str] = field(default_factory=Counter)
    doubts: Counter[str] = field(default_factory=Counter)
    waits: dict[str, list[float]] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)


def judge(histories: Histories, logs: Iterable[Path], seen: Counter[str]) -> Verdict:
    """Hold three histories against every promise; pure but for the workers' logs, of which only events are counted."""
    found = Verdict(submits=count(histories))
    found.breaches = [str(breach) for breach in check(histories)[:STORIES]]
    found.jobs = _jobs(histories.database)
    _count_effects(found, histories)
    found.doubts = _doubts(histories)
    found.sometimes = _sometimes(histories, _events(logs), seen)
    if found.submits["lost"]:
        found.breaches.append(f"{found.submits['lost']} acknowledged jobs are lost")
    return found


def gathered(client: Path, database: DatabaseHistory, recorder: Sequence[Recorded], rows: dict[str, int]) -> Histories:
    """Put together what everybody has to tell."""
    return Histories(read_client_history(client), database, recorder, rows, Limits(LOSSES, UNSTARTED))


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def _jobs(database: DatabaseHistory) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {each: Counter() for each in CLASSES}
    for job in database.jobs.values():
        found[job.effects][database.state(job.job) or "in no one place"] += 1
    return found


def _count_effects(found: Verdict, h: Histories) -> None:
    """Count what happened outside by job; operators told the truth, so nothing may have happened twice at all."""
    performed: dict[str, list[Recorded]] = defaultdict(list)
    for entry in h.recorder:
        if entry.verdict == "performed":
            performed[entry.job].append(entry)
    for job in h.database.jobs.values():
        if job.effects == "transactional":
            times = (h.written or {}).get(job.job, 0)
        elif job.effects in OUTSIDE:
            times = len(performed[job.job])
        else:
            continue
        found.effects[job.effects] += times
        succeeded = h.database.state(job.job) == "SUCCEEDED"
        if times > 1:
            found.duplicates[job.effects] += times - 1
            found.breaches.append(f"{job.job} ({job.effects}): its effect happened {times} times")
        if succeeded and times == 0:
            found.breaches.append(f"{job.job} ({job.effects}): it SUCCEEDED, and its effect never happened")


def _doubts(h: Histories) -> Counter[str]:
    """Count doubts, and of how many the effect had happened when the doubt began: nobody but the receiver knew."""
    first: dict[str, float] = {}
    for entry in h.recorder:
        if entry.verdict == "performed":
            first.setdefault(entry.job, entry.at)
    found: Counter[str] = Counter()
    for job, attempts in h.database.attempts.items():
        for attempt in attempts:
            if attempt.outcome == "in_doubt":
                found["happened" if job in first and first[job] <= attempt.at else "had not happened"] += 1
    for events in h.database.events.values():
        found["settled"] += sum(event.kind == "settled" for event in events)
    return found


def _sometimes(h: Histories, events: Counter[str], seen: Counter[str]) -> Counter[str]:
    outcomes = Counter(each.outcome for attempts in h.database.attempts.values() for each in attempts)
    verdicts = Counter(entry.verdict for entry in h.recorder)
    values = (
        events["job.finish_rejected"],
        outcomes["in_doubt"],
        outcomes["handed_back"],
        outcomes["lost"],
        outcomes["unstarted"],
        events["claim.handed_back"],
        seen["submit answered again"],
        seen["submit answered 422"],
        seen["settle answered 409"],
        seen["replay answered 409"],
        verdicts["repeated"],
        verdicts["stale"],
    )
    return Counter(dict(zip(SOMETIMES, values, strict=True)))


def _events(logs: Iterable[Path]) -> Counter[str]:
    """Count the events of the workers' logs, a line at a time: after an hour these are long."""
    found: Counter[str] = Counter()
    for log in logs:
        with log.open(errors="replace") as lines:
            for line in lines:
                try:
                    found[json.loads(line)["event"]] += 1
                except (ValueError, KeyError, TypeError):
                    found["not a log line"] += 1
    return found
