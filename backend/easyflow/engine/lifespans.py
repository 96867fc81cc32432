"""Opening what handlers share: every `@lifespan`, once per executor, closed in reverse order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from easyflow.errors import Misconfigured
from easyflow.registry import LIFESPANS


@asynccontextmanager
async def opened() -> AsyncIterator[dict[str, Any]]:
    """Open all lifespans and yield their entries together; raises Misconfigured when two use one name."""
    async with AsyncExitStack() as stack:
        state: dict[str, Any] = {}
        for opener in LIFESPANS:
            entries = await stack.enter_async_context(asynccontextmanager(opener)())
            twice = state.keys() & entries.keys()
            if twice:
                raise Misconfigured(f"two lifespans open {', '.join(sorted(twice))}")
            state.update(entries)
        yield state
