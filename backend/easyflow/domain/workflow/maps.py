"""Where a map stands: how many items there are, how many have jobs, and how many failures it bears."""

from __future__ import annotations

from dataclasses import dataclass

from easyflow.domain.workflow.states import StepState

MOST_JOBS_AT_ONCE = 500
MOST_ITEMS_AT_ONCE = 5_000


@dataclass(slots=True)
class MapFact:
    """The counts of one map; `made` items have a job or an outcome, `concurrency` counts jobs.

    `source_lease` and `source_item` say how far its source has been read: items emitted under that lease, or, where the
    source is a map, its results, up to that number.
    """

    items: int
    made: int
    succeeded: int
    failed: int
    source_lease: int | None
    source_item: int
    concurrency: int
    tolerated_failures: int
    tolerated_percent: float

    @property
    def live(self) -> int:
        """How many items are in jobs that have not ended."""
        return self.made - self.succeeded - self.failed

    @property
    def tolerated(self) -> int:
        """How many items may fail: the count or the share, whichever is more."""
        return max(self.tolerated_failures, int(self.items * self.tolerated_percent / 100))

    @property
    def broken(self) -> bool:
        """Whether more items have failed than it bears: then it makes no further jobs."""
        return self.failed > self.tolerated

    def wanted(self, batch_size: int) -> int:
        """Return for how many items jobs may be made now; none until half of the window is free, so that it pays."""
        if self.broken or self.made == self.items:
            return 0
        window = self.concurrency * batch_size
        room = window - self.live
        if room * 2 < window:
            return 0
        most = min(MOST_JOBS_AT_ONCE * batch_size, max(MOST_ITEMS_AT_ONCE, batch_size))
        return min(room, most, self.items - self.made)

    def ending(self) -> StepState | None:
        """Return the state in which the map ends; None while it goes on."""
        if self.live:
            return None
        if self.broken:
            return StepState.FAILED
        return StepState.SUCCEEDED if self.made == self.items else None

    def reason(self) -> str | None:
        """Say why it FAILED."""
        if not self.broken:
            return None
        return f"{self.failed} of {self.items} items failed, and {self.tolerated} are tolerated"
