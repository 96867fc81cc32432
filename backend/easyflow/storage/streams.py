"""Where a claimer goes on reading: one cursor per stream (queue, priority, lane) of ready tickets.

A claim that starts at the front of the index walks over the dead entries of everything claimed before; behind a
pinned snapshot that fell from 30,000 to 4,500 claims per second. A claim that starts behind the cursor stays flat, but
a ticket whose transaction commits late is left behind. So a claimer forgets its cursors now and then (`Rescan`), at a
small share of its time, and at once when a claim comes back short.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import asyncpg

Position = tuple[int, int, int]
LOWEST: Position = (-32_768, 0, 0)
HIGHEST: Position = (32_767, 1, 9_223_372_036_854_775_807)
LAST_SEQ = HIGHEST[2]
MOST_STREAMS = 64


class Interval(NamedTuple):
    """Tickets of one queue with `low` < (priority, lane, ready_seq) <= `high`."""

    queue: str
    low: Position
    high: Position


class Streams:
    """The cursors of one claimer."""

    def __init__(self) -> None:
        """Begin at the front of every queue."""
        self._last: dict[str, dict[tuple[int, int], int]] = {}

    def intervals(self, queues: Iterable[str]) -> list[Interval]:
        """Return what to walk, queue by queue: behind each known stream's cursor, and the gaps between streams.

        The gaps hold no tickets this claimer ever saw, so a stream of a new, more urgent priority is found by the
        next claim and needs no rescan.
        """
        found = []
        for queue in queues:
            low = LOWEST
            for (priority, lane), seq in sorted(self._last.get(queue, {}).items()):
                found.append(Interval(queue, low, (priority, lane, 0)))
                found.append(Interval(queue, (priority, lane, seq), (priority, lane, LAST_SEQ)))
                low = (priority, lane, LAST_SEQ)
            found.append(Interval(queue, low, HIGHEST))
        return found

    def advance(self, claimed: Iterable[asyncpg.Record]) -> None:
        """Move the cursors behind what a claim returned."""
        for row in claimed:
            streams = self._last.setdefault(row["queue"], {})
            stream = (row["priority"], row["lane"])
            streams[stream] = max(row["ready_seq"], streams.get(stream, 0))
            if len(streams) > MOST_STREAMS:
                streams.clear()

    def forget(self) -> None:
        """Begin at the front again: the next claim is a rescan."""
        self._last.clear()


class Rescan:
    """When a rescan is due: at most a given share of the time goes into rescans."""

    def __init__(self, share: float) -> None:
        """Allow rescans to take `share` (0 to 1) of the time."""
        self._share = share
        self._next_at = 0.0

    def due(self, now: float) -> bool:
        """Say whether one may run at `now` (monotonic seconds)."""
        return now >= self._next_at

    def took(self, now: float, seconds: float) -> None:
        """Note that one just took `seconds`; the next may follow when the share allows it."""
        self._next_at = now + seconds / self._share
