"""Ties a process to its parent: when the parent dies, however it dies, the child hears of it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
_LOOK_SECONDS = 0.5


def die_with_parent(with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send `with_signal` when the parent dies; where it cannot (not Linux) this does nothing."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), with_signal)


def exit_after_parent(grace_seconds: float) -> None:
    """End this process `grace_seconds` after its parent is gone, even when its event loop is blocked by then."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        time.sleep(grace_seconds)
        os._exit(70)

    threading.Thread(target=watch, name="easyflow-parent-watch", daemon=True).start()
