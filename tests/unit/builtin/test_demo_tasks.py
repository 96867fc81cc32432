"""What the demo tasks do when they are called."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from pydantic import ValidationError
from uuid_utils.compat import uuid7

from easyflow import Context
from easyflow.builtin import tasks
from easyflow.registry import TASKS


def attempt(number: int = 1) -> Context:
    return Context(
        job_id=uuid7(), task="demo", queue="default", lease_no=number, retry_count=number - 1, state=SimpleNamespace()
    )


def test_every_demo_task_is_pure_so_that_a_lost_attempt_is_run_again() -> None:
    demos = {name: str(registered.effects) for name, registered in TASKS.items() if name.startswith("demo.")}
    demos.pop("demo.start", None)  # it belongs to the mainframe example
    assert demos == dict.fromkeys(["demo.echo", "demo.noop", "demo.sleep", "demo.fail", "demo.flaky"], "pure")


async def test_echo_returns_what_it_was_given() -> None:
    assert await tasks.echo(attempt(), tasks.Message(message="hello")) == tasks.Message(message="hello")


async def test_fail_raises_the_message() -> None:
    with pytest.raises(tasks.DemoError, match=r"^broken on purpose$"):
        await tasks.fail(attempt(), tasks.Message(message="broken on purpose"))


async def test_flaky_fails_as_often_as_it_was_asked_and_then_works() -> None:
    twice = tasks.Failures(failures=2)
    for number in (1, 2):
        with pytest.raises(tasks.DemoError, match=f"attempt {number} fails"):
            await tasks.flaky(attempt(number), twice)
    assert await tasks.flaky(attempt(3), twice) == 3


async def test_sleep_lets_others_run_and_can_be_cancelled() -> None:
    sleeping = asyncio.ensure_future(tasks.sleep(attempt(), tasks.Pause(seconds=3600)))
    await asyncio.sleep(0)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping


@pytest.mark.parametrize("seconds", ["NaN", "-1", "3601", "1e400"])
def test_sleep_refuses_what_is_no_waiting_time(seconds: str) -> None:
    with pytest.raises(ValidationError):
        TASKS["demo.sleep"].payload.validate_json(f'{{"seconds": {seconds}}}')


def test_payloads_take_no_fields_they_do_not_know() -> None:
    for name in ("demo.echo", "demo.noop", "demo.sleep", "demo.fail", "demo.flaky", "http.request"):
        assert TASKS[name].payload.json_schema()["additionalProperties"] is False
