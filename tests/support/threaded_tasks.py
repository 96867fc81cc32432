"""A module of tasks that starts a thread when it is imported: a fork would not have it."""

from __future__ import annotations

import threading

from easyflow import Context, task
from tests.support.tasks import Work

TICKS = threading.Event()
threading.Thread(target=TICKS.wait, name="ticker", daemon=True).start()


@task("test.needs_thread", effects="pure", isolation="process")
def needs_thread(ctx: Context, work: Work) -> list[str]:
    """Tell which threads run."""
    return sorted(thread.name for thread in threading.enumerate())
