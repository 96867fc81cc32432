"""When something that died may start again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class BackOff:
    """Waits before a new start, in seconds: doubled at each death, short again after a steady life."""

    first_seconds: float = 0.2
    most_seconds: float = 10.0
    steady_seconds: float = 30.0
    clock: Callable[[], float] = time.monotonic
    _next_wait: float = 0.0
    _started_at: float = 0.0
    _due_at: float | None = field(default=None)

    def note_start(self) -> None:
        """It runs from now on."""
        self._started_at = self.clock()
        self._due_at = None

    def note_death(self) -> float | None:
        """The wait that begins with this death; None when this death was noted before."""
        if self._due_at is not None:
            return None
        now = self.clock()
        if not self._next_wait or now - self._started_at >= self.steady_seconds:
            self._next_wait = self.first_seconds
        wait = self._next_wait
        self._next_wait = min(wait * 2, self.most_seconds)
        self._due_at = now + wait
        return wait

    @property
    def is_due(self) -> bool:
        """Whether the wait after a noted death is over."""
        return self._due_at is not None and self.clock() >= self._due_at


def ending(exit_code: int) -> str:
    """How a process ended, in words."""
    if exit_code < 0:
        return f"was killed by signal {-exit_code} ({signal.strsignal(-exit_code)})"
    return f"ended with exit code {exit_code}"
