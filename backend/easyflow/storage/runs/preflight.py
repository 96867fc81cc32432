"""Before a new version is deployed: which runs could go on by it, and what breaks the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from easyflow.domain.workflow.definition import Definition
from easyflow.domain.workflow.evolution import Breaks, Fits, Reason
from easyflow.storage.runs.examining import CHUNK, Examined, Examiner
from easyflow.storage.sql import Connection

RUNS_NAMED = 5
MOST_BREAKS = 200
SOMETHING_ELSE = Reason(None, "something else")


@dataclass(slots=True)
class VersionCount:
    """How many runs of one version could go on by the new one, could not, or end anyway: stopped, or taken back."""

    compatible: int = 0
    breaking: int = 0
    ending: int = 0


@dataclass(slots=True)
class Break:
    """How many runs one thing stands against, and the first of them."""

    runs: int = 0
    named: list[UUID] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What was found: counts by version, and what stands against how many runs; one run may have several reasons."""

    versions: dict[int, VersionCount] = field(default_factory=dict)
    breaks: dict[Reason, Break] = field(default_factory=dict)

    @property
    def breaking(self) -> int:
        """How many runs could not go on."""
        return sum(count.breaking for count in self.versions.values())

    def add(self, run: Examined) -> None:
        """Count one run."""
        count = self.versions.setdefault(run.version, VersionCount())
        match run.verdict:
            case Fits():
                count.compatible += 1
            case Breaks(ending=True):
                count.ending += 1
            case Breaks(reasons):
                count.breaking += 1
                for reason in reasons:
                    self._count(reason, run.id)

    def _count(self, reason: Reason, run_id: UUID) -> None:
        if reason not in self.breaks and len(self.breaks) >= MOST_BREAKS:
            reason = SOMETHING_ELSE
        found = self.breaks.setdefault(reason, Break())
        if run_id in found.named[-1:]:
            return
        found.runs += 1
        if len(found.named) < RUNS_NAMED:
            found.named.append(run_id)


async def preflight(connection: Connection, definition: Definition, *, chunk: int = CHUNK) -> Tally:
    """Say how many runs of a workflow that are under way or FAILED could go on by this definition as it is.

    Steps are the same where their names are. Looks at one chunk after the other; what changes meanwhile may be missed.
    The definition need not be registered.
    """
    tally = Tally()
    async for runs in Examiner(definition).walk(connection, chunk):
        for run in runs:
            tally.add(run)
    return tally
