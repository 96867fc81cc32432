"""The story of one job, told by everybody who saw a part of it, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from tests.support.client_history import Request
from tests.support.database_history import DatabaseHistory
from tests.support.recorder import Recorded


def story(job: str, client: Sequence[Request], database: DatabaseHistory, recorder: Sequence[Recorded]) -> str:
    """Return a line for each thing that is known to have happened to one job; times are UTC."""
    told = [*_by_clients(job, client, database), *_by_database(job, database), *_by_recorder(job, recorder)]
    return "\n".join(f"  {datetime.fromtimestamp(at, UTC):%H:%M:%S.%f} {says}" for at, says in sorted(told))


def _by_clients(job: str, client: Sequence[Request], database: DatabaseHistory) -> Iterator[tuple[float, str]]:
    marker = database.jobs[job].marker if job in database.jobs else None
    for each in client:
        if each.job == job or (marker is not None and each.act == "submit" and each.key == marker):
            key = f" key {each.key}" if each.key else ""
            yield each.began, f"client    {each.client} asks to {each.act}{key}"
            if each.ended is not None:
                heard = f"{each.heard} {each.status}" if each.status else each.heard
                yield each.ended, f"client    {each.client} hears of its {each.act}: {heard}"


def _by_database(job: str, database: DatabaseHistory) -> Iterator[tuple[float, str]]:
    if job in database.jobs:
        facts = database.jobs[job]
        yield facts.at, f"database  stored: {facts.task} ({facts.effects}), {facts.max_attempts} attempts at most"
    for attempt in database.attempts.get(job, ()):
        yield attempt.claimed, f"database  attempt {attempt.lease} claimed"
        yield attempt.at, f"database  attempt {attempt.lease} {attempt.outcome}"
    for effect in database.effects.get(job, ()):
        named = f"effect {effect.ordinal} {effect.name} ({effect.effects})"
        yield effect.at, f"database  {named} opened by attempt {effect.lease}, try {effect.tries}"
        if effect.closed is not None:
            yield effect.closed, f"database  {named} {effect.state}, says {effect.closed_by}"
    for event in database.events.get(job, ()):
        yield event.at, f"database  {event.kind} by {event.actor}: {event.reason or ''} {event.said or ''}".rstrip()
    for ticket in database.tickets.get(job, ()):
        yield ticket.at, f"database  now {ticket.state} in {ticket.place}, claim {ticket.lease}"


def _by_recorder(job: str, recorder: Sequence[Recorded]) -> Iterator[tuple[float, str]]:
    for each in recorder:
        if each.job == job:
            unheard = ", and the answer was dropped" if each.dropped else ""
            yield each.at, f"recorder  {each.name or each.key} {each.verdict} with fence {each.fence}{unheard}"
