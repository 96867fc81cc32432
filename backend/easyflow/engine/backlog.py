"""The backlog: jobs an executor has claimed ahead and not begun."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from itertools import repeat

import asyncpg

STALE_SECONDS = 1.0


class Backlog:
    """First in, first out; what has been in it for a second is stale.

    Claiming ahead is for jobs that begin within 50 ms. When those before them turn out to be slow, nobody else could
    begin them as long as they stay here: stale ones have to go back.
    """

    def __init__(self) -> None:
        """Hold nothing."""
        self._rows: deque[tuple[asyncpg.Record, float]] = deque()

    def __len__(self) -> int:
        """How many jobs wait here."""
        return len(self._rows)

    def tokens(self) -> set[object]:
        """Return the claim tokens of all."""
        return {row["claim_token"] for row, _ in self._rows}

    def extend(self, rows: list[asyncpg.Record]) -> None:
        """Add what a claim took, in its order."""
        self._rows.extend(zip(rows, repeat(time.monotonic())))

    def popleft(self) -> asyncpg.Record:
        """Take the oldest; IndexError when there is none."""
        return self._rows.popleft()[0]

    def take(self, which: Callable[[asyncpg.Record], object]) -> list[asyncpg.Record]:
        """Take those for which `which` holds, oldest first; the others stay in their order."""
        taken: list[asyncpg.Record] = []
        kept: deque[tuple[asyncpg.Record, float]] = deque()
        for row, since in self._rows:
            if which(row):
                taken.append(row)
            else:
                kept.append((row, since))
        self._rows = kept
        return taken

    def take_stale(self) -> list[asyncpg.Record]:
        """Take those that have waited for a second, oldest first."""
        oldest_kept = time.monotonic() - STALE_SECONDS
        taken: list[asyncpg.Record] = []
        while self._rows and self._rows[0][1] < oldest_kept:
            taken.append(self._rows.popleft()[0])
        return taken
