"""The steps of one effect, and the two ways to go through them: inside the loop, and in a handler's own thread."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg

from easyflow.domain.effects import DidNotHappen
from easyflow.storage.effects import Closing, Intent
from easyflow.storage.items import Chunk


class Book(Protocol):
    """Where intents and outcomes are committed; each call returns when that is done."""

    async def open(self, intent: Intent) -> asyncpg.Record:
        """Commit an intent; answers as open_effects.sql does."""

    async def reopen(self, intent: Intent) -> bool:
        """Commit an intent for an effect that is known already; False when the claim is lost."""

    async def close(self, closing: Closing) -> bool:
        """Record an outcome; False when the claim is lost."""

    async def emit(self, chunk: Chunk) -> bool:
        """Keep items that a handler emits; False when the claim is lost."""

    def may_act(self) -> bool:
        """Say whether the lease behind the claim lasts, as far as is known here: the last look before a call."""

    def terminate(self) -> None:
        """Cut off the connection the ledger is written over, as a fault does; the next write opens another."""

    def wait(self, doing: Coroutine[Any, Any, Any]) -> Any:
        """Do one of these for a handler that runs in a thread, and return when it is done."""


@dataclass(frozen=True, slots=True)
class Write:
    """Something to be committed; its answer is sent back."""

    doing: Coroutine[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """Something of the user's to be called; what it returns or raises is sent back."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


Steps = Generator[Write | Call, Any, Any]


async def drive(steps: Steps) -> Any:
    """Run the steps of an effect inside the loop."""
    try:
        step = next(steps)
        while True:
            try:
                if isinstance(step, Write):
                    value = await step.doing
                else:
                    value = step.function(*step.arguments)
                    if inspect.isawaitable(value):
                        value = await value
            except BaseException as raised:
                step = steps.throw(raised)
            else:
                step = steps.send(value)
    except StopIteration as end:
        return end.value


def drive_in_thread(steps: Steps, book: Book) -> Any:
    """Run the steps of an effect in a handler's own thread: only what is written goes through the loop."""
    try:
        step = next(steps)
        while True:
            try:
                if isinstance(step, Write):
                    value = book.wait(step.doing)
                else:
                    value = step.function(*step.arguments)
                    if inspect.iscoroutine(value):
                        value.close()
                        raise DidNotHappen("a handler that is not async cannot await its effect's call")
            except BaseException as raised:
                step = steps.throw(raised)
            else:
                step = steps.send(value)
    except StopIteration as end:
        return end.value
