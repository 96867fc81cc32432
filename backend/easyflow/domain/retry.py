"""When a failed attempt may run again: exponential backoff with full jitter, bounded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RetryPolicy:
    """How many attempts a job gets before it fails, and how long it waits between them.

    The wait before retry n (from 0) is drawn evenly from 0 to min(longest, first * 2**n) seconds
    ("full jitter", AWS Architecture Blog, 2015): a thousand jobs that failed together do not come back together.
    """

    max_attempts: int = 5
    first_seconds: float = 1.0
    longest_seconds: float = 600.0

    def allows(self, retry_count: int, max_attempts: int | None = None) -> bool:
        """Say whether a job put back `retry_count` times may be put back once more."""
        return retry_count + 1 < (max_attempts or self.max_attempts)

    def delay_seconds(self, retry_count: int, chance: float) -> float:
        """Return the wait before the next attempt; `chance` is a random number from 0 to 1."""
        ceiling = min(self.longest_seconds, self.first_seconds * 2.0 ** min(retry_count, 60))
        return ceiling * chance
