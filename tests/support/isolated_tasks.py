"""Tasks that look at the process they run in, and leave others behind."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from easyflow import Context, Fail, Retry, Snooze, task
from tests.support.tasks import SOON, Kind, Work, leave_trace

# A program that leaves the session it was born in, starts another and lives on without it.
DAEMON = """
import os, subprocess, sys, time
if os.fork(): os._exit(0)
os.setsid()
other = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)
print(os.getpid(), other.pid, flush=True)
os.close(1)
time.sleep(60)
"""


@task("test.looks_around", effects="pure", retry=SOON, isolation="process")
def looks_around(ctx: Context, work: Work) -> dict[str, Any]:
    """Tell what this process has inherited."""
    open_files = {}
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            open_files[descriptor.name] = str(descriptor.readlink())
        except FileNotFoundError:
            continue  # the listing's own
    return {
        "pid": os.getpid(),
        "session": os.getsid(0),
        "group": os.getpgrp(),
        "opened_by": ctx.state.opened_by,
        "open_files": open_files,
        "input": sys.stdin.read(),
        "random": random.random(),
        "handlers": {name: str(signal.getsignal(getattr(signal, name))) for name in ("SIGTERM", "SIGINT", "SIGCHLD")},
        "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    }


@task("test.household", effects="pure", retry=SOON, isolation="process")
async def household(ctx: Context, work: Work) -> int:
    """Start a program that starts others and breaks with this process; then stay."""
    started = subprocess.run([sys.executable, "-c", DAEMON], check=True, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC221
    near = subprocess.Popen(["sleep", "60"])  # noqa: ASYNC220
    family = [near.pid, *map(int, started.stdout.split())]
    leave_trace(ctx, "start", keeper=os.getppid(), family=family)
    await asyncio.sleep(work.seconds)
    leave_trace(ctx, "end")
    return len(family)


@task("test.says", effects="pure", retry=SOON)
async def says(ctx: Context, word: Kind) -> str:
    """Say a word the first time that it runs alone, and return the next time."""
    leave_trace(ctx, "start", parent=os.getppid())
    if word.kind == "fail":
        raise Fail("no")
    if ctx.lease_no == 1 and word.kind == "snooze":
        raise Snooze(0.02)
    if ctx.lease_no == 1 and word.kind == "retry":
        raise Retry("again", after=0.02)
    return "done"
