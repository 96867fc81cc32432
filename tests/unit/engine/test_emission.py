"""What a handler may emit and say of its items, before any database is asked."""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel

from easyflow.context import Context
from easyflow.domain.retry import RetryPolicy
from easyflow.domain.states import Effects
from easyflow.engine.attempt import REASON_CHARS, Attempt
from easyflow.engine.emission import CALL_ITEMS, CHUNK_CHARS, CHUNK_ITEMS, ITEM_BYTES
from easyflow.errors import Invalid, ItemsOpen, LostClaim, Malformed, Misconfigured, TooLarge
from easyflow.registry import TaskType
from tests.support.ledger_book import MemoryBook

RUN = UUID(int=9)


class Claim(BaseModel):
    """An item with a type of its own."""

    number: int


async def run_async(ctx: Context, payload: Any) -> None: ...


def run_sync(ctx: Context, payload: Any) -> None: ...


def attempt(*, sync: bool = False, **place: Any) -> Attempt:
    task = TaskType(
        "t", run_sync if sync else run_async, Effects.PURE, "default", RetryPolicy(), 30.0, "shared", Any, Any
    )
    row: Any = {
        "job_id": uuid4(), "task": "t", "queue": "q", "lease_no": 1, "retry_count": 0, "claim_token": uuid4(),
        "payload": "{}", "run_id": RUN, "step_no": 3, "part": None, "items": None, **place,
    }  # fmt: skip
    return Attempt(row, task, SimpleNamespace(), MemoryBook(), 1000)


async def emit(context: Context, items: Any) -> None:
    """Emit, whatever kind of handler it is for."""
    said = context.emit(items)
    if said is not None:
        await said


def book(one: Attempt) -> MemoryBook:
    assert isinstance(one.book, MemoryBook)
    return one.book


def emitted(one: Attempt) -> list[str]:
    """What was kept, in its order; fails when the numbers have a gap."""
    found: list[str] = []
    for chunk in book(one).emitted:
        assert (chunk.run_id, chunk.step_no, chunk.first) == (RUN, 3, len(found))
        assert len(chunk.items) <= CHUNK_ITEMS
        found += chunk.items
    return found


async def test_calls_are_numbered_through_and_cut_into_chunks() -> None:
    one = attempt()
    context = one.open_context()
    assert context.run_id == RUN
    await context.emit(range(CHUNK_ITEMS + 1))
    await context.emit([])
    await context.emit([Claim(number=7), None, {"a": [1.5, "x"]}])
    assert emitted(one) == [*map(str, range(CHUNK_ITEMS + 1)), '{"number":7}', "null", '{"a":[1.5,"x"]}']
    assert [len(chunk.items) for chunk in book(one).emitted] == [CHUNK_ITEMS, 1, 3]
    assert one.conclude(None).failed_items == ()


async def test_calls_at_the_same_time_do_not_share_numbers() -> None:
    one = attempt()
    context = one.open_context()
    await asyncio.gather(*(context.emit([n] * 600) for n in range(5)))
    assert sorted(map(int, emitted(one))) == sorted([*range(5)] * 600)


def test_a_handler_in_a_thread_awaits_nothing() -> None:
    one = attempt(sync=True)
    assert one.open_context().emit(["a", "b"]) is None
    assert emitted(one) == ['"a"', '"b"']
    one.conclude(None)


async def test_large_items_make_small_chunks() -> None:
    one = attempt()
    await one.open_context().emit(["x" * 60_000] * 40)
    assert len(emitted(one)) == 40
    assert all(sum(map(len, chunk.items)) < CHUNK_CHARS + ITEM_BYTES for chunk in book(one).emitted)
    assert len(book(one).emitted) > 1


@pytest.mark.parametrize(
    ("items", "error", "message"),
    [
        (["fine"] * 300 + ["x" * ITEM_BYTES], TooLarge, "items[300]: larger than 65536 bytes, the limit"),
        (["ä" * (ITEM_BYTES // 2)], TooLarge, "items[0]: larger than 65536 bytes, the limit"),
        ([1, {"a": float("nan")}], Malformed, "items[1].a"),
        ([{"a": {1, 2}}], Invalid, "items[0].a"),
        ([0] * (CALL_ITEMS + 1), Invalid, "more than 10000 items in one call, the limit: emit them in several"),
        ("text", Invalid, "emit takes a list of items, not one str"),
        ({"a": 1}, Invalid, "emit takes a list of items, not one dict"),
        (Claim(number=1), Invalid, "emit takes a list of items, not one Claim"),
    ],
)
@pytest.mark.parametrize("sync", [False, True])
async def test_what_cannot_be_kept_is_refused_by_its_place_and_nothing_of_the_call_is_kept(
    sync: bool, items: Any, error: type[Exception], message: str
) -> None:
    one = attempt(sync=sync)
    context = one.open_context()
    with pytest.raises(error, match=re.escape(message)):
        await emit(context, items)
    assert emitted(one) == []
    one.conclude(None)  # nothing is missing: the handler was told


async def test_an_item_of_just_the_limit_is_kept() -> None:
    one = attempt()
    await one.open_context().emit(["x" * (ITEM_BYTES - 2)] + [0] * (CALL_ITEMS - 1))
    assert len(emitted(one)) == CALL_ITEMS


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"run_id": None}, "this job of task t belongs to no run"),
        ({"part": 0, "items": 1}, "this job of task t is one of a map or a compensation"),
        ({"part": -1}, "this job of task t is one of a map or a compensation"),
    ],
)
def test_only_the_job_of_a_plain_step_emits(place: dict[str, Any], message: str) -> None:
    context = attempt(**place).open_context()
    with pytest.raises(Misconfigured, match=message):
        context.emit([1])
    assert context.run_id == place.get("run_id", RUN)


def test_a_context_without_an_engine_emits_nothing() -> None:
    context = Context(job_id=uuid4(), task="t", queue="q", lease_no=1, retry_count=0, state=SimpleNamespace())
    with pytest.raises(Misconfigured, match="task t cannot emit here"):
        context.emit([1])


async def test_a_handler_that_swallows_a_lost_claim_does_not_succeed() -> None:
    one = attempt()
    book(one).taken_over = True
    with pytest.raises(LostClaim):
        await one.open_context().emit([1])
    with pytest.raises(ItemsOpen, match=r"await each ctx\.emit"):
        one.conclude(None)


async def test_a_handler_that_does_not_await_a_call_does_not_succeed() -> None:
    one = attempt()
    said = one.open_context().emit([1])
    with pytest.raises(ItemsOpen):
        one.conclude(None)
    said.close()


async def test_a_handler_that_gives_up_on_a_call_does_not_succeed(monkeypatch: pytest.MonkeyPatch) -> None:
    one = attempt()
    never = asyncio.Event()

    async def hang(chunk: object) -> bool:
        return await never.wait()

    monkeypatch.setattr(one.book, "emit", hang)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await one.open_context().emit([1])
    with pytest.raises(ItemsOpen):
        one.conclude(None)


def test_items_that_failed_go_with_the_success_and_the_last_reason_stands() -> None:
    one = attempt(part=500, items=500)
    context = one.open_context()
    assert context.items == 500
    for position, reason in ((499, "no such policy"), (0, "first"), (0, "a\x00b" + "x" * 2 * REASON_CHARS)):
        context.fail_item(position, reason)
    succeeded = one.conclude(None)
    (first, why), last = succeeded.failed_items
    assert (first, last) == (0, (499, "no such policy"))
    assert why.startswith("a\\x00b")
    assert len(why) < REASON_CHARS + 100
    assert hash(succeeded)


@pytest.mark.parametrize("position", [-1, 2])
def test_a_position_that_is_out_of_range_is_refused(position: int) -> None:
    one = attempt(part=0, items=2)
    with pytest.raises(Misconfigured, match=f"there is no item {position}: this job holds 2, counted from 0"):
        one.open_context().fail_item(position, "bad")
    assert one.conclude(None).failed_items == ()


def test_a_job_of_no_map_has_no_items_that_could_fail() -> None:
    context = attempt().open_context()
    assert context.items is None
    with pytest.raises(Misconfigured, match="this job of task t is none of a map"):
        context.fail_item(0, "bad")
