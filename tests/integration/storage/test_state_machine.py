"""Whatever everybody does, one after the other: the database answers as the model does, and holds what it holds.

`EASYFLOW_TEST_EXAMPLES=500` tries that many sequences, other ones each time; without it they are always the same.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import run_state_machine_as_test

from easyflow.errors import EasyFlowError
from tests.support.machine import Machine
from tests.support.mutations import mutated

EXAMPLES = int(os.environ.get("EASYFLOW_TEST_EXAMPLES", "25"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    derandomize="EASYFLOW_TEST_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# Only that something is found matters there, not that it is short.
BROKEN = settings(SETTINGS, max_examples=200, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)
TOKEN = "and claim_token = any ($2::uuid[])"
MUTANTS = {
    "a finish without its token": ("finish_jobs", TOKEN, ""),
    "a rescue that charges no loss": ("rescue_jobs", "d.losses + g.loss", "d.losses"),
    "a settlement that closes nothing": ("close_open_effects", "and state = 'open'", "and state = 'gone'"),
    "a hand back that forgets a cancel": ("hand_back_jobs", "case when cancel_requested", "case when false"),
    "a head that lets its key go": ("put_back_jobs", "d.key is not null and d.ordered", "false"),
}


@contextmanager
def machines(url: str) -> Iterator[Any]:
    """A maker of machines over one connection in a loop of its own: rules are no coroutines."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(url))
        try:
            yield lambda: Machine(runner.get_loop(), connection)
        finally:
            runner.run(connection.close())


@pytest.mark.timeout(max(120, EXAMPLES * 4))
def test_whatever_everybody_does_the_database_says_what_the_model_says(database_url: str) -> None:
    with machines(database_url) as machine:
        run_state_machine_as_test(machine, settings=SETTINGS)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_model_notices(database_url: str, mutant: str) -> None:
    name, part, instead = MUTANTS[mutant]
    noticed = pytest.raises((AssertionError, asyncpg.PostgresError, EasyFlowError, FlakyFailure))
    with machines(database_url) as machine, mutated(name, (part, instead)), noticed:
        run_state_machine_as_test(machine, settings=BROKEN)
