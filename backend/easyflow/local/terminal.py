"""What the person at the terminal sees: our own lines, and those of the children, each with its name before it."""

from __future__ import annotations

import os
import sys
import threading
from typing import TextIO

COLOURS = {"postgres": "34", "migrate": "35", "api": "36", "worker": "32", "dashboard": "94", "demo": "33"}


class Terminal:
    """Writes whole lines, from any thread; goes quiet when nobody reads any more."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._coloured = self._out.isatty() and "NO_COLOR" not in os.environ
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """One message of our own; may have several lines."""
        self._write(text)

    def line(self, name: str, text: str) -> None:
        """One line of the child `name`."""
        label = f"[{name}]"
        if self._coloured and name in COLOURS:
            label = f"\x1b[{COLOURS[name]}m{label}\x1b[0m"
        self._write(f"{label} {text}")

    def _write(self, text: str) -> None:
        with self._lock:
            try:
                self._out.write(f"{text}\n")
                self._out.flush()
            except (OSError, ValueError):
                pass  # the terminal was closed; what runs must still be stopped in order
