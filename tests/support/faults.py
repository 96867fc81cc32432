"""Faults that a test orders for its workers, and the proof that they struck."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from easyflow.failpoints import Point
from tests.support.waiting import until


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault that struck, as it was written down before it acted; `hit` counts from 1 in each process."""

    at: float
    pid: int
    point: str
    name: str
    action: str
    rule: str
    hit: int
    jobs: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Faults:
    """What shall strike; give `**faults.settings` to `start_worker`, and ask here what came of it."""

    folder: Path
    rules: tuple[str, ...]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a process that these faults may strike."""
        return {"mode": "development", "failpoints": ",".join(self.rules), "failpoints_folder": self.folder}

    def strikes(self, point: Point | None = None) -> list[Strike]:
        """What has struck so far, at one point if given, in the order in which it was written down."""
        log = self.folder / "hits.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        told = [json.loads(line) for line in lines]
        found = [Strike(**{**each, "jobs": tuple(UUID(job) for job in each["jobs"])}) for each in told]
        return [each for each in found if point is None or each.point == point.name]

    async def until_struck(self, point: Point | None = None, times: int = 1, seconds: float = 20.0) -> list[Strike]:
        """Wait until something has struck so often; what it was."""

        async def struck() -> bool:
            return len(self.strikes(point)) >= times

        await until(seconds, struck, lambda: f"{point or 'nothing'} has struck {len(self.strikes(point))} times")
        return self.strikes(point)


def faults(folder: Path, *rules: str) -> Faults:
    """Order faults; see `easyflow.failpoints` for what a rule says. `folder` is theirs alone."""
    return Faults(folder / "faults", rules)
