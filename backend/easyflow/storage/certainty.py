"""Writes whose COMMIT may go unheard: what became of them is found out, and none is carried out twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias, TypeVar

import asyncpg

from easyflow.errors import CommitUnknown, StorageUnavailable
from easyflow.storage.sql import Connection

T = TypeVar("T")

Lend: TypeAlias = Callable[[], AbstractAsyncContextManager[Connection]]


async def certainly(
    lend: Lend,
    write: Callable[[Connection], Awaitable[T]],
    read_back: Callable[[Connection], Awaitable[T | None]],
) -> T:
    """Carry out a write that commits, and answer truthfully also when the answer to its COMMIT was lost.

    `read_back` then looks on another connection for what `write` left under ids or a key of its own; where there is
    nothing, `write` runs once more. It must meet its own traces: by waiting for a key, or with a UniqueViolationError
    for its ids, because a server may still be committing what it was told before the line broke. Raises what `write`
    raises, and CommitUnknown when nobody can tell.
    """
    for last in (False, True):
        try:
            async with lend() as connection:
                return await write(connection)
        except (CommitUnknown, asyncpg.UniqueViolationError) as doubt:
            found = await _look(lend, read_back)
            if found is not None:
                return found
            if last or not isinstance(doubt, CommitUnknown):
                raise
    raise AssertionError("unreachable")


async def _look(lend: Lend, read_back: Callable[[Connection], Awaitable[T | None]]) -> T | None:
    try:
        async with lend() as connection:
            return await read_back(connection)
    except StorageUnavailable as away:
        raise CommitUnknown from away
