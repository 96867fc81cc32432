"""Which tasks are known to take their process down: for a while all their jobs run apart."""

from __future__ import annotations

import time

QUARANTINE_SECONDS = 600.0


class Quarantine:
    """Tasks of which a job has died alone, where nobody else can be to blame, in the last ten minutes.

    Without it each new job of such a task would take down one more executor, with all that this one runs.
    """

    def __init__(self) -> None:
        """Begin without suspicion."""
        self._until: dict[str, float] = {}

    def add(self, task: str) -> bool:
        """Note that a job of this task died alone; returns whether the task was not in quarantine before."""
        is_new = task not in self._until
        self._until[task] = time.monotonic() + QUARANTINE_SECONDS
        return is_new

    def release(self) -> bool:
        """Let those go whose time is over; returns whether there were any."""
        now = time.monotonic()
        over = [task for task, until in self._until.items() if until < now]
        for task in over:
            del self._until[task]
        return bool(over)

    def tasks(self) -> list[str]:
        """Return the tasks whose jobs run apart."""
        return sorted(self._until)
