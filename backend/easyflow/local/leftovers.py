"""A PostgreSQL left behind by an earlier start that was killed: found by its data directory, and stopped."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

PROCESSES = Path("/proc")
FAST_SECONDS = 20.0
IMMEDIATE_SECONDS = 5.0


def stop_leftovers(data: Path, say: Callable[[str], None]) -> None:
    """Leave `data` with no process at work in it and no stale `postmaster.pid`.

    The caller holds the lock of this database, so whatever still runs in it has lost its owner. It is stopped the
    clean way first. `postmaster.pid` is removed only when no process is left, because it also protects the shared
    memory of the orphaned ones; its number may meanwhile belong to another program, which is never touched.
    """
    if not PROCESSES.is_dir():
        return  # nothing can be told here: the new server's own check decides
    if workers_in(data):
        _stop_postmaster(data, say)
    if not wait_until_empty(data, IMMEDIATE_SECONDS):
        for pid in workers_in(data):
            _send(pid, signal.SIGKILL)
        wait_until_empty(data, IMMEDIATE_SECONDS)
    if not workers_in(data):
        (data / "postmaster.pid").unlink(missing_ok=True)


def workers_in(data: Path) -> list[int]:
    """The live PostgreSQL processes whose working folder is `data`; empty where the system does not tell."""
    home = data.resolve()
    found = []
    for entry in PROCESSES.iterdir() if PROCESSES.is_dir() else ():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "cwd").readlink() == home and (entry / "comm").read_text().startswith("postgres"):
                found.append(int(entry.name))
        except OSError:
            continue  # ended meanwhile, or not ours to look at
    return found


def wait_until_empty(data: Path, seconds: float) -> bool:
    """Wait until no process works in `data`; False when some still do after `seconds`."""
    deadline = time.monotonic() + seconds
    while workers_in(data):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _stop_postmaster(data: Path, say: Callable[[str], None]) -> None:
    try:
        postmaster = int((data / "postmaster.pid").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    if postmaster not in workers_in(data):
        return  # dead, and its children are about to notice
    say(f"stopping a PostgreSQL left behind by an earlier start (process {postmaster})")
    for stop_signal, seconds in ((signal.SIGINT, FAST_SECONDS), (signal.SIGQUIT, IMMEDIATE_SECONDS)):
        _send(postmaster, stop_signal)
        if wait_until_empty(data, seconds):
            return


def _send(pid: int, which: signal.Signals) -> None:
    try:
        os.kill(pid, which)
    except ProcessLookupError:
        pass
