"""How often one may try the key in vain before everybody has to wait."""

from __future__ import annotations

import math
import time
from collections import deque

from easyflow.access.errors import TooManySignIns

MOST_FAILURES = 10
WINDOW_SECONDS = 60.0


class SignInLimit:
    """Counts failed sign-ins of one process; callers are not told apart, since behind a proxy they look the same."""

    def __init__(self) -> None:
        """Begin without failures."""
        self._failures: deque[float] = deque(maxlen=MOST_FAILURES)

    def check(self, now: float | None = None) -> None:
        """Raise TooManySignIns, which names the seconds to wait, after ten failures within a minute."""
        passed = (time.monotonic() if now is None else now) - self._failures[0] if self._failures else 0.0
        if len(self._failures) == MOST_FAILURES and passed < WINDOW_SECONDS:
            raise TooManySignIns(retry_after_seconds=math.ceil(WINDOW_SECONDS - passed))

    def failed(self, now: float | None = None) -> None:
        """Count one failure."""
        self._failures.append(time.monotonic() if now is None else now)
