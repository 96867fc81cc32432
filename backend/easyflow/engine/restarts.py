"""How long to wait before something that has died is started again."""

from __future__ import annotations

import time

STEADY_SECONDS = 10.0
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 30.0


class Restarts:
    """No wait after a steady life, or a death that was not its own fault; else twice as long each time."""

    def __init__(self) -> None:
        """Begin without a crash."""
        self._crashes = 0
        self._crashed_at = float("-inf")

    def wait_seconds(self, born_at: float, blameless: bool = False) -> float:
        """Return the wait that begins with this death, in seconds; `born_at` is of the monotonic clock."""
        now = time.monotonic()
        if now - self._crashed_at > STEADY_SECONDS:
            self._crashes = 0
        if now - born_at > STEADY_SECONDS or blameless:
            return 0.0
        self._crashed_at = now
        self._crashes += 1
        return min(FIRST_WAIT_SECONDS * 2.0 ** (self._crashes - 1), LONGEST_WAIT_SECONDS)
