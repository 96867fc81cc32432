"""Both clients, and the API of the test's database behind a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from easyflow.engine.executor_main import row_of
from easyflow.registry import load
from easyflow.storage.sql import Connection
from easyflow.storage.tasks import register
from tests.conftest import Connect
from tests.support.api import PAY, PAY_SCHEMA, task_row
from tests.support.api_process import listening_api
from tests.support.either_client import KINDS, EitherClient, Kind, either_client


@pytest.fixture
async def database(connect: Connect) -> Connection:
    """A connection to the test's database; a worker has announced the built-in tasks and two for these tests."""
    connection = await connect()
    built_in = load(["easyflow.builtin.tasks"])
    rows = [row_of(task) for name, task in built_in.items() if name.startswith("demo.")]
    await register(connection, [*rows, task_row("test.any"), task_row(PAY, PAY_SCHEMA)])
    return connection


@pytest.fixture
async def api_url(database: Connection, database_url: str) -> AsyncIterator[str]:
    """The address of the API."""
    async with listening_api(database_url) as url:
        yield url


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Which of the clients."""
    kind: Kind = request.param
    return kind


@pytest.fixture
async def client(kind: Kind, api_url: str) -> AsyncIterator[EitherClient]:
    """A client of that API."""
    async with either_client(kind, api_url) as made:
        yield made
