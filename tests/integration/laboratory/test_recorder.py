"""The recorder writes down what happened before it says so, and misbehaves only when and as it is told."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from easyflow.engine.refusals import is_definite
from tests.support.effects import RecorderProcess, look_up, perform, perform_in_thread, running_recorder
from tests.support.http_server import http_server
from tests.support.recorder import Manners, Recorder
from tests.support.waiting import until


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[RecorderProcess]:
    with running_recorder(tmp_path) as running:
        yield running


def a_key() -> str:
    """A key as an effect has it: of one job."""
    return f"{uuid4()}.1.c0ffee00"


async def refusal(recorder: RecorderProcess, key: str, fence: int = 1, **how: Any) -> httpx.HTTPStatusError:
    with pytest.raises(httpx.HTTPStatusError) as refused:
        await perform(recorder.url, key, fence=fence, **how)
    return refused.value


async def test_a_deduplicating_receiver_gives_the_same_answer_again_and_counts_one(recorder: RecorderProcess) -> None:
    key = a_key()
    first = await perform(recorder.url, key, fence=1, name="charge")
    assert await perform(recorder.url, key, fence=2, name="charge") == first
    assert await asyncio.to_thread(perform_in_thread, recorder.url, key, fence=2, name="charge") == first
    assert recorder.times_performed() == {key: 1}
    assert [(each.verdict, each.fence, each.lease, each.name) for each in recorder.history()] == [
        ("performed", 1, 1, "charge"),
        ("repeated", 2, 2, "charge"),
        ("repeated", 2, 2, "charge"),
    ]
    assert {each.job for each in recorder.history()} == {key.split(".")[0]}


async def test_a_receiver_that_ignores_keys_does_it_twice(recorder: RecorderProcess) -> None:
    key = a_key()
    recorder.behave(mode="plain")
    assert await perform(recorder.url, key, fence=1) != await perform(recorder.url, key, fence=1)
    assert recorder.times_performed() == {key: 2}


async def test_a_receiver_that_checks_fences_refuses_the_one_that_was_overtaken(recorder: RecorderProcess) -> None:
    job, other = uuid4(), uuid4()
    for fence in (1, 3, 3):
        await perform(recorder.url, f"{job}.{fence}.a", fence=fence, mode="fence")
    await perform(recorder.url, f"{other}.1.a", fence=2, mode="fence")
    refused = await refusal(recorder, f"{job}.9.a", fence=2, mode="fence")
    assert refused.response.status_code == 412
    assert is_definite(refused)
    assert [each.verdict for each in recorder.history(job)] == ["performed"] * 3 + ["stale"]


async def test_what_was_performed_and_dropped_is_written_down_though_nobody_was_told(recorder: RecorderProcess) -> None:
    key = a_key()
    for _ in range(2):
        with pytest.raises(httpx.TransportError) as dropped:
            await perform(recorder.url, key, fence=1, drop=2)
        assert not is_definite(dropped.value)
    receipt = await perform(recorder.url, key, fence=1, drop=2)
    assert [(each.verdict, each.dropped) for each in recorder.history()] == [
        ("performed", True),
        ("repeated", True),
        ("repeated", False),
    ]
    assert await look_up(recorder.url, key) == receipt


async def test_the_next_so_many_are_dropped_when_the_recorder_is_told_to(recorder: RecorderProcess) -> None:
    recorder.behave(drop=2)
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            await perform(recorder.url, a_key(), fence=1)
    await perform(recorder.url, a_key(), fence=1)
    assert [each.dropped for each in recorder.history()] == [True, True, False]


async def test_a_refusal_performs_nothing_and_is_definite(recorder: RecorderProcess) -> None:
    key = a_key()
    assert is_definite(await refusal(recorder, key, refuse=1))
    assert await look_up(recorder.url, key) is None
    assert recorder.times_performed() == {}
    await perform(recorder.url, key, fence=2, refuse=1)
    assert recorder.times_performed() == {key: 1}


async def test_a_slow_receiver_has_written_it_down_long_before_it_answers(recorder: RecorderProcess) -> None:
    key = a_key()
    asking = asyncio.create_task(perform(recorder.url, key, fence=1, slow=60))

    async def written_down() -> bool:
        return recorder.times_performed() == {key: 1}

    await until(10, written_down)
    assert not asking.done()
    assert await look_up(recorder.url, key) == 1
    asking.cancel()
    recorder.behave(slow=0.2)
    began = time.monotonic()
    await perform(recorder.url, a_key(), fence=1)
    assert time.monotonic() - began >= 0.2


async def test_a_recorder_that_is_killed_goes_on_where_it_was(recorder: RecorderProcess) -> None:
    key = a_key()
    receipt = await perform(recorder.url, key, fence=5)
    recorder.kill()
    with pytest.raises(httpx.ConnectError) as away:
        await perform(recorder.url, key, fence=5)
    assert is_definite(away.value)
    recorder.start()
    assert await perform(recorder.url, key, fence=5) == receipt
    assert (await refusal(recorder, key, fence=4, mode="fence")).response.status_code == 412
    assert [each.seq for each in recorder.history()] == [1, 2, 3]


async def test_an_entry_is_flushed_before_its_answer_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, order = tmp_path / "effects.jsonl", []
    flush = os.fsync

    def told(descriptor: int) -> None:
        flush(descriptor)
        order.append(f"flushed {len(file.read_text().splitlines())}")

    monkeypatch.setattr(os, "fsync", told)
    async with http_server(Recorder(file, Manners()).answer) as server:
        for _ in range(2):
            await perform(server.url("").rstrip("/"), a_key(), fence=1)
            order.append("answered")
    assert order == ["flushed 1", "answered", "flushed 2", "answered"]


async def test_it_ends_with_whoever_started_it_whatever_it_is_doing(tmp_path: Path) -> None:
    with running_recorder(tmp_path) as recorder:
        asking = asyncio.create_task(perform(recorder.url, a_key(), fence=1, slow=60))

        async def busy() -> bool:
            return bool(recorder.history())

        await until(10, busy)
        recorder.close()
        assert recorder.process.returncode == 0
        with pytest.raises(httpx.TransportError):
            await asking
