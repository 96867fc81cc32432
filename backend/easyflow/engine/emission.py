"""The items an attempt hands over to its run: rows under its claim, numbered from 0, for the map that follows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import asyncpg
from pydantic import BaseModel

from easyflow.context import Context
from easyflow.domain import document
from easyflow.engine.effect_steps import Book
from easyflow.errors import EasyFlowError, Invalid, ItemsOpen, LostClaim, Misconfigured
from easyflow.registry import TaskType
from easyflow.storage import transactional
from easyflow.storage.items import Chunk
from easyflow.storage.runs.endings import Place, place_of

CALL_ITEMS = 10_000
ITEM_BYTES = 65_536
CHUNK_ITEMS = 1_000
CHUNK_CHARS = 1 << 20
# An event loop has others to look after meanwhile.
CHECKED_AT_ONCE = 250


class Emission:
    """What one attempt emits.

    The fence is the claim: an attempt that runs again emits under a lease number of its own, and what this one has
    left is seen by nobody. What was not answered counts as missing, also when the handler has swallowed the error: a
    gap in the numbers would hold up the map for ever.
    """

    def __init__(self, row: asyncpg.Record, task: TaskType, book: Book) -> None:
        """Begin with nothing emitted."""
        self._row = row
        self._task = task
        self._book = book
        self._emitted = 0
        self._open: set[object] = set()

    def emit(self, context: Context, items: Iterable[Any]) -> Any:
        """Hand items over; see `Context.emit`. For an async handler a coroutine, for others nothing is awaited."""
        place = self._place()
        given = _listed(items)
        call = object()
        self._open.add(call)
        if self._task.is_async:
            return self._emit(context, place, given, call)
        texts = self._checked(call, given)
        return self._book.wait(self._keep(context, place, texts, call))

    def require_kept(self) -> None:
        """Raise ItemsOpen when the handler returns although items it emitted are not known to be kept."""
        if self._open:
            raise ItemsOpen

    def _place(self) -> Place:
        place = place_of(self._row)
        if place is None:
            raise Misconfigured(
                f"this job of task {self._task.name} belongs to no run: nobody would read what it emits"
            )
        if place.part is not None:
            raise Misconfigured(
                f"this job of task {self._task.name} is one of a map or a compensation: only the job of a plain step "
                "emits, and a map hands over what its items return"
            )
        return place

    async def _emit(self, context: Context, place: Place, given: Sequence[Any], call: object) -> None:
        texts: list[str] = []
        for first in range(0, len(given), CHECKED_AT_ONCE):
            texts += self._checked(call, given[first : first + CHECKED_AT_ONCE], first)
            await asyncio.sleep(0)
        await self._keep(context, place, texts, call)

    def _checked(self, call: object, given: Sequence[Any], first: int = 0) -> list[str]:
        """Write items as JSON; what is refused here leaves nothing behind."""
        try:
            return [_text(item, f"items[{position}]") for position, item in enumerate(given, first)]
        except EasyFlowError:
            self._open.discard(call)
            raise

    async def _keep(self, context: Context, place: Place, texts: Sequence[str], call: object) -> None:
        first = self._emitted
        self._emitted += len(texts)
        for chunk in self._chunks(place, texts, first):
            if context._session is not None:
                held = await transactional.emit(context._session, chunk)
            else:
                held = await self._book.emit(chunk)
            if not held:
                raise LostClaim
        self._open.discard(call)

    def _chunks(self, place: Place, texts: Sequence[str], first: int) -> Iterator[Chunk]:
        job_id, claim_token = self._row["job_id"], self._row["claim_token"]
        begin, chars = 0, 0
        for end, text in enumerate(texts, 1):
            chars += len(text)
            if end - begin == CHUNK_ITEMS or chars >= CHUNK_CHARS or end == len(texts):
                yield Chunk(job_id, claim_token, place.run_id, place.step_no, first + begin, tuple(texts[begin:end]))
                begin, chars = end, 0


def _listed(items: Iterable[Any]) -> list[Any]:
    if isinstance(items, str | bytes | Mapping | BaseModel):
        message = f"emit takes a list of items, not one {type(items).__name__}"
        raise Invalid(message, [{"at": "items", "message": message}])
    given = list(islice(items, CALL_ITEMS + 1))
    if len(given) > CALL_ITEMS:
        message = f"more than {CALL_ITEMS} items in one call, the limit: emit them in several"
        raise Invalid(message, [{"at": "items", "message": message}])
    return given


def _text(item: Any, at: str) -> str:
    plain = item.model_dump(mode="json") if isinstance(item, BaseModel) else item
    document.check(plain, max_bytes=ITEM_BYTES, at=at)
    return document.dumps(plain, max_bytes=ITEM_BYTES, at=at)
