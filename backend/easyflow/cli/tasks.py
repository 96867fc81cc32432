"""Which modules register tasks: the built-in ones, the user's, and the queues they all use."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable

from easyflow.errors import Misconfigured
from easyflow.registry import load
from easyflow.settings import Settings

BUILT_IN = ("easyflow.builtin.tasks", "easyflow.examples.mainframe.tasks")

MISCONFIGURED = 78
LOAD_SECONDS = 120.0


def modules(known: Settings, named: str | None) -> list[str]:
    """Return the built-in modules, those of EASYFLOW_TASKS and those `named` here, each once, in this order."""
    added = [name.strip() for name in (named or "").split(",") if name.strip()]
    return list(dict.fromkeys([*BUILT_IN, *known.task_modules, *added]))


def queues_of(names: Iterable[str]) -> list[str]:
    """Return the queues that the tasks of these modules use, `default` among them.

    They are loaded in a process of its own: a supervisor never runs user code. Raises Misconfigured when one cannot
    be loaded.
    """
    command = [sys.executable, "-m", "easyflow.cli.tasks", *names]
    looked = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LOAD_SECONDS)
    if looked.returncode == MISCONFIGURED:
        raise Misconfigured(looked.stdout.strip())
    if looked.returncode:
        last = (looked.stderr.strip().splitlines() or [f"status {looked.returncode}"])[-1]
        raise Misconfigured(f"the tasks cannot be loaded: {last}")
    found: list[str] = json.loads(looked.stdout.splitlines()[-1])
    return found


def _tell(names: list[str]) -> int:
    try:
        tasks = load(names)
    except Misconfigured as wrong:
        print(wrong.message)
        return MISCONFIGURED
    print(json.dumps(sorted({"default", *(task.queue for task in tasks.values())})))
    return 0


if __name__ == "__main__":
    sys.exit(_tell(sys.argv[1:]))
