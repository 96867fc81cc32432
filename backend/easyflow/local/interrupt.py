"""Ctrl-C, SIGTERM and a closed terminal: counted, and acted on where it is safe."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """While entered, signals to stop only raise a count: the first asks to stop, the second to hurry."""

    def __init__(self) -> None:
        self._count = 0
        self._before: dict[signal.Signals, Any] = {}

    @property
    def stop(self) -> bool:
        """Whether somebody asked us to stop."""
        return self._count > 0

    @property
    def hurry(self) -> bool:
        """Whether somebody asked again."""
        return self._count > 1

    def __enter__(self) -> Interrupt:
        for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[which] = signal.signal(which, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for which, handler in self._before.items():
            signal.signal(which, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
