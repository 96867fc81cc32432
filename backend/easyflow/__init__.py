"""EasyFlow: the workflow engine for work that must not happen twice.

The public names load when they are first used, so that `import easyflow` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from easyflow.client import AsyncClient, Client
    from easyflow.context import Context
    from easyflow.domain.effects import DidNotHappen, Happened, Unknown
    from easyflow.domain.outcome import Fail, Retry, Snooze
    from easyflow.domain.retry import RetryPolicy
    from easyflow.registry import lifespan, task
    from easyflow.submission.door import Enqueued, enqueue
    from easyflow.submission.requests import NewJob
    from easyflow.workflow import Workflow

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "Client",
    "Context",
    "DidNotHappen",
    "Enqueued",
    "Fail",
    "Happened",
    "NewJob",
    "Retry",
    "RetryPolicy",
    "Snooze",
    "Unknown",
    "Workflow",
    "enqueue",
    "lifespan",
    "task",
]

_HOMES = {
    "AsyncClient": "easyflow.client",
    "Client": "easyflow.client",
    "Context": "easyflow.context",
    "DidNotHappen": "easyflow.domain.effects",
    "Enqueued": "easyflow.submission.door",
    "Fail": "easyflow.domain.outcome",
    "Happened": "easyflow.domain.effects",
    "NewJob": "easyflow.submission.requests",
    "Retry": "easyflow.domain.outcome",
    "RetryPolicy": "easyflow.domain.retry",
    "Snooze": "easyflow.domain.outcome",
    "Unknown": "easyflow.domain.effects",
    "Workflow": "easyflow.workflow",
    "enqueue": "easyflow.submission.door",
    "lifespan": "easyflow.registry",
    "task": "easyflow.registry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'easyflow' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
