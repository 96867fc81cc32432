"""Looking at processes from outside."""

from __future__ import annotations

import subprocess


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True).stdout
    return shown.strip() != "" and not shown.startswith("Z")
