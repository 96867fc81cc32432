"""The built-in tasks for playing and testing: `demo.*`."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, ConfigDict, Field

from easyflow import Context, task
from easyflow.builtin import http_request

__all__ = ["echo", "fail", "flaky", "http_request", "noop", "sleep"]

LONGEST_SLEEP_SECONDS = 3600.0


class Message(BaseModel):
    """A few words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    message: str


class Nothing(BaseModel):
    """No fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Pause(BaseModel):
    """How long."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float = Field(ge=0, le=LONGEST_SLEEP_SECONDS, allow_inf_nan=False)


class Failures(BaseModel):
    """How often to fail before it works."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    failures: int = Field(ge=0, le=1000)


class DemoError(Exception):
    """What a demo task raises when it was asked to fail."""


@task("demo.echo", effects="pure")
async def echo(ctx: Context, payload: Message) -> Message:
    """Return the payload."""
    return payload


@task("demo.noop", effects="pure")
async def noop(ctx: Context, payload: Nothing) -> None:
    """Do nothing: what is left is the engine's own work."""


@task("demo.sleep", effects="pure", timeout="61m")
async def sleep(ctx: Context, payload: Pause) -> None:
    """Wait, and let others run meanwhile."""
    await asyncio.sleep(payload.seconds)


@task("demo.fail", effects="pure")
async def fail(ctx: Context, payload: Message) -> None:
    """Fail every attempt with the message, until the job is a dead letter."""
    raise DemoError(payload.message)


@task("demo.flaky", effects="pure")
async def flaky(ctx: Context, payload: Failures) -> int:
    """Fail that many attempts, then return the number of the one that worked."""
    if ctx.attempt <= payload.failures:
        raise DemoError(f"attempt {ctx.attempt} fails, as {payload.failures} shall")
    return ctx.attempt
