"""Which modules register tasks: the built-in ones, the user's; the queues they all use, and their workflows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from easyflow.domain import document
from easyflow.errors import Misconfigured
from easyflow.registry import load
from easyflow.settings import Settings
from easyflow.workflow import WORKFLOWS

BUILT_IN = ("easyflow.builtin.tasks", "easyflow.examples.mainframe.tasks")

MISCONFIGURED = 78
LOAD_SECONDS = 120.0
MOST_BYTES = 256 * 1024 * 1024


def modules(known: Settings, named: str | None) -> list[str]:
    """Return the built-in modules, those of EASYFLOW_TASKS and those `named` here, each once, in this order."""
    added = [name.strip() for name in (named or "").split(",") if name.strip()]
    return list(dict.fromkeys([*BUILT_IN, *known.task_modules, *added]))


def queues_of(names: Iterable[str]) -> list[str]:
    """Return the queues that the tasks of these modules use, `default` among them.

    They are loaded in a process of its own: a supervisor never runs user code. Raises Misconfigured when one cannot
    be loaded.
    """
    found: list[str] = _looked_up(names)["queues"]
    return found


def workflows_of(names: Iterable[str]) -> dict[str, Any]:
    """Return the definitions of the `Workflow` objects in these modules by name, as JSON that was not checked yet.

    They are loaded in a process of its own, as for `queues_of`. Raises Misconfigured when one cannot be loaded, a
    workflow is no JSON, or two have one name.
    """
    found: dict[str, Any] = _looked_up(names)["workflows"]
    return found


def _looked_up(names: Iterable[str]) -> Any:
    command = [sys.executable, "-m", "easyflow.cli.tasks", *names]
    looked = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LOAD_SECONDS)
    if looked.returncode == MISCONFIGURED:
        raise Misconfigured(looked.stdout.strip())
    if looked.returncode:
        last = (looked.stderr.strip().splitlines() or [f"status {looked.returncode}"])[-1]
        raise Misconfigured(f"the tasks cannot be loaded: {last}")
    return document.parse(looked.stdout.splitlines()[-1], max_bytes=MOST_BYTES, at="tasks")


def _tell(names: list[str]) -> int:
    try:
        tasks = load(names)
        workflows = {name: workflow.definition() for name, workflow in WORKFLOWS.items()}
    except Misconfigured as wrong:
        print(wrong.message)
        return MISCONFIGURED
    queues = sorted({"default", *(task.queue for task in tasks.values())})
    print(document.dumps({"queues": queues, "workflows": workflows}))
    return 0


if __name__ == "__main__":
    sys.exit(_tell(sys.argv[1:]))
