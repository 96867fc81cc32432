"""The nightly posting run comes out to the cent while everything it runs on is killed with SIGKILL."""

from __future__ import annotations

import asyncio
import random
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.support.night import VICTIMS, Night
from tests.support.waiting import until

Done = subprocess.CompletedProcess[str]
SEED = 20261122
RANDOM_KILLS = 8


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    """A stack that runs and has had no night yet."""
    stack = Night(tmp_path)
    try:
        stack.until_running()
        yield stack
        stack.end()
    finally:
        if stack.process.poll() is None:
            stack.process.kill()


@pytest.mark.timeout(420)
async def test_totals_are_exact_while_processes_are_killed_in_turn_and_at_random(night: Night) -> None:
    chance = random.Random(SEED)
    victims = [*VICTIMS, *(chance.choice(VICTIMS) for _ in range(RANDOM_KILLS))]
    first = await run_under_fire(night, ["demo", "mainframe"], victims[:8])
    assert first.returncode == 0, first.stdout + first.stderr + night.written()
    for total in ("262", "77,954.70", "38", "26,846.84", "90,223.70"):
        assert total in first.stdout
    approve = "dlq replay --all --task mainframe.post_transaction --set overdraft_approved=true --reason approved --yes"
    replayed = run_until_done(night, approve.split())
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    second = await run_under_fire(night, ["demo", "mainframe"], victims[8:])
    assert second.returncode == 0, second.stdout + second.stderr + night.written()
    for total in ("300", "104,801.54", "117,070.54"):
        assert total in second.stdout
    again = run_until_done(night, ["demo", "mainframe"])
    assert (again.returncode, "117,070.54" in again.stdout) == (0, True)
    assert await night.ask("select count(*) from easyflow_demo.postings") == 300
    checked = run_until_done(night, ["check"])
    assert checked.returncode == 0, checked.stdout + checked.stderr


async def run_under_fire(night: Night, words: Sequence[str], victims: Sequence[str]) -> Done:
    """Run a command to its end; meanwhile kill one victim after the other, each once some work was done since.

    A command that begins in the very moment the database is away says so and ends; a person then runs it again.
    """
    running = asyncio.get_running_loop().run_in_executor(None, run_until_done, night, words)
    moved = 0
    for victim in victims:
        moved = await until_moved(night, moved, running)
        await until(30, partial(killed_or_done, night, victim, running), night.written)
    return await running


def run_until_done(night: Night, words: Sequence[str]) -> Done:
    """Run a command again while it says that it cannot reach the database."""
    while True:
        done = night.easyflow(*words, seconds=120)
        if done.returncode == 0 or "cannot reach" not in done.stderr:
            return done


async def killed_or_done(night: Night, victim: str, running: asyncio.Future[Done]) -> bool:
    """Kill the victim if it is there: what was killed a moment ago may not have been started again yet."""
    return night.kill(victim) or running.done()


async def until_moved(night: Night, seen: int, running: asyncio.Future[Done]) -> int:
    """Wait until more attempts were recorded than `seen`, or nothing is left to do."""
    while True:
        moved = await night.ask("select count(*) from easyflow.attempts")
        if moved > seen or running.done():
            return moved
        await asyncio.sleep(0.02)
