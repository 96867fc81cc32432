"""Calling `easyflow` as a person or a program does, and a real worker beside it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from easyflow.cli.main import app
from easyflow.settings import settings

DRAIN_SECONDS = 40


@dataclass(frozen=True)
class Called:
    """What one call came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, which must be one line of JSON."""
        assert len(self.out.splitlines()) == 1, self.out + self.err
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The one sentence on standard error."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("EasyFlow: "), self.err
        return lines[0]


async def call(*words: str, answer: str | bytes = "", **environment: str) -> Called:
    """Call `easyflow WORDS` in this process, in a thread of its own because commands start an event loop."""
    return await asyncio.to_thread(_call, words, answer, environment)


def _call(words: tuple[str, ...], answer: str | bytes, environment: dict[str, str]) -> Called:
    settings.cache_clear()
    try:
        done = CliRunner().invoke(app, list(words), input=answer, env=environment, prog_name="easyflow")
    finally:
        settings.cache_clear()
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Called(done.exit_code, done.stdout, done.stderr)


@asynccontextmanager
async def running_worker(url: str, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A real `easyflow worker` with one executor, drained at the end."""
    # What it logs goes to the test's own standard error, where pytest shows it when the test fails.
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "easyflow.cli.main", "worker", "--executors", "1", *words),
        env={**os.environ, "EASYFLOW_DATABASE_URL": url, "EASYFLOW_DRAIN_GRACE_SECONDS": "2"},
    )
    try:
        yield worker
    finally:
        if worker.returncode is None:
            worker.send_signal(signal.SIGTERM)
        await asyncio.wait_for(worker.wait(), DRAIN_SECONDS)
