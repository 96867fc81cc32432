"""Waiting for a condition with a deadline, where there is nothing to await."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


def within(seconds: float, condition: Callable[[], object], otherwise: Callable[[], str] = lambda: "") -> None:
    """Return as soon as `condition` holds; fails the test, with what `otherwise` says, when it does not in time.

    Blocks the event loop: for processes and files, not for coroutines.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {otherwise()}")
        time.sleep(0.02)


async def until(
    seconds: float, condition: Callable[[], Awaitable[object]], otherwise: Callable[[], str] = lambda: ""
) -> None:
    """Return as soon as the awaited `condition` holds; fails the test, with what `otherwise` says, when it does not."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {otherwise()}")
        await asyncio.sleep(0.02)
