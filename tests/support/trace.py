"""The trace that test tasks leave outside of the database: what really ran, when, and in which process."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trace:
    """One file, a line for each event; the lines of all processes in the order in which they were written."""

    file: Path

    def events(self, event: str | None = None, job_id: UUID | None = None) -> list[Event]:
        """The events so far, of one kind and one job if given."""
        found = [json.loads(line) for line in self.file.read_text().splitlines()]
        return [
            each
            for each in found
            if (event is None or each["event"] == event) and (job_id is None or each["job"] == str(job_id))
        ]

    def of_jobs(self, ids: Iterable[UUID]) -> list[Event]:
        """The events of some jobs."""
        wanted = {str(job_id) for job_id in ids}
        return [each for each in self.events() if each["job"] in wanted]

    def count(self, event: str, job_id: UUID | None = None) -> int:
        """How often something happened."""
        return len(self.events(event, job_id))


def most_at_once(events: Iterable[Event]) -> int:
    """How many handlers were between their start and the last thing they said at the same time."""
    spans: dict[tuple[str, int], list[float]] = {}
    for each in events:
        spans.setdefault((each["job"], each["lease"]), []).append(each["at"])
    edges = sorted([(min(at), 1) for at in spans.values()] + [(max(at), -1) for at in spans.values()])
    running = most = 0
    for _, step in edges:
        running += step
        most = max(most, running)
    return most
