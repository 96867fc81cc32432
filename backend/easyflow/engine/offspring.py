"""The processes below this one, where there is no loop: hearing of their end, adopting orphans, ending them all."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import time
from pathlib import Path
from typing import Any

_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)  # looked up before the fork: a fresh child has no time for it
_LOOK_SECONDS = 0.02
_LONGEST_SECONDS = 5.0


class Offspring:
    """This process's children, among them whatever lost its own parent below it."""

    def __init__(self) -> None:
        """Become the parent of every orphan below this process, and hear of each child that ends."""
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.deaths, self._said = os.pipe()
        for descriptor in (self.deaths, self._said):
            os.set_blocking(descriptor, False)
        self._before = signal.signal(signal.SIGCHLD, _hear)
        signal.set_wakeup_fd(self._said, warn_on_full_buffer=False)

    def wait(self, *others: Any) -> list[Any]:
        """Wait until a child has ended or one of the others (sockets, descriptors) can be read; return which can."""
        readable: list[Any] = select.select([self.deaths, *others], [], [])[0]
        return readable

    def forget(self) -> None:
        """In a forked child: these children are its parent's. Signals are heard as if nothing had been."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, self._before)
        os.close(self.deaths)
        os.close(self._said)

    def ended(self) -> dict[int, int]:
        """Collect the children that have ended since; their exit codes, negative for a signal. `deaths` is read."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.deaths, 4096)
        codes: dict[int, int] = {}
        with contextlib.suppress(ChildProcessError):  # there is none
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                codes[found[0]] = os.waitstatus_to_exitcode(found[1])
        return codes

    def alive(self) -> set[int]:
        """Return the children that were not collected; one that is just being born may be missing."""
        own = os.getpid()
        return {int(pid) for pid in Path(f"/proc/{own}/task/{own}/children").read_text().split()}

    def kill(self, pids: set[int]) -> None:
        """Kill children that were not collected, so that their numbers are nobody else's."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def end_all(self) -> dict[int, int]:
        """Kill every child and whatever it leaves behind, until nothing is left; the exit codes.

        Gives up after 5 s: a program with other rights than ours cannot be killed.
        """
        codes: dict[int, int] = {}
        until = time.monotonic() + _LONGEST_SECONDS
        while time.monotonic() < until:
            self.kill(self.alive())
            codes |= self.ended()
            try:
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return codes
            select.select([self.deaths], [], [], _LOOK_SECONDS)
        return codes


def _hear(number: int, frame: object) -> None:
    """Let SIGCHLD be heard at all: without a handler it wakes nobody."""
