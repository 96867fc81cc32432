"""A first task: it greets somebody by name."""

from __future__ import annotations

from pydantic import BaseModel

from easyflow import Context, task


class Greeting(BaseModel):
    """Whom to greet."""

    name: str


@task("greetings.greet", effects="pure")
async def greet(ctx: Context, payload: Greeting) -> str:
    """Greet somebody by name."""
    return f"Hello, {payload.name}!"
