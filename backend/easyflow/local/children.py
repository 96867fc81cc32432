"""Child processes that are kept alive: started, listened to, started again when they die, stopped in order."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from easyflow.local.back_off import BackOff, ending
from easyflow.local.terminal import Terminal
from easyflow.local.tether import tether

LOOK_SECONDS = 0.05


class Child:
    """One command that should run all the time; its output appears line by line under its name.

    Start it from the main thread: where the system can, the child is told to stop when that thread ends.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        terminal: Terminal,
        back_off: BackOff | None = None,
    ) -> None:
        self.name = name
        self._command = [*tether("TERM"), *command]
        self._environment = dict(environment)
        self._folder = folder
        self._terminal = terminal
        self._back_off = back_off or BackOff()
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How the last start ended: None while it runs, negative for a signal."""
        return self._process.poll() if self._process is not None else None

    def start(self) -> None:
        """Start the command in a session of its own, so that Ctrl-C in the terminal reaches us alone."""
        self._back_off.note_start()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._folder,
            env=self._environment,
            start_new_session=True,
        )
        if self._process.stdout is not None:
            self._reader = threading.Thread(target=self._copy, args=(self._process.stdout,), daemon=True)
            self._reader.start()

    def look(self) -> None:
        """Notice a death, say so in one line, and start again once the wait is over; call it often."""
        if self._process is None or self._process.poll() is None:
            return
        wait = self._back_off.note_death()
        if wait is not None:
            self._terminal.line(self.name, f"{ending(self._process.returncode)}; it starts again in {wait:g} s")
        elif self._back_off.is_due:
            self.start()

    def stop(self, grace_seconds: float, hurry: Callable[[], bool]) -> None:
        """Ask it to end (SIGTERM); kill it and what it started after the grace, or when `hurry` says so."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
        deadline = time.monotonic() + grace_seconds
        while self._process.poll() is None:
            if time.monotonic() > deadline or hurry():
                self._terminal.line(self.name, "did not end in time and was killed")
                # Not reaped yet, so its group cannot have become somebody else's.
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
                break
            time.sleep(LOOK_SECONDS)
        self._finish()

    def run_to_end(self, cancelled: Callable[[], bool]) -> int:
        """Run the command once and return its exit code; stop it when `cancelled` says so."""
        self.start()
        while self.exit_code is None:
            if cancelled():
                self.stop(grace_seconds=5, hurry=lambda: False)
                break
            time.sleep(LOOK_SECONDS)
        self._finish()
        return self.exit_code or 0

    def _finish(self) -> None:
        """Let the last lines through; a grandchild that keeps the pipe open must not keep us."""
        if self._reader is not None:
            self._reader.join(timeout=1)

    def _copy(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                self._terminal.line(self.name, line.decode(errors="replace").rstrip())
