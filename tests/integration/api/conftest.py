"""The API over the test's own database, with two tasks registered."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.api import Api, register_tasks, running_api
from tests.support.live import Live, serving


@pytest.fixture
async def api(database_url: str, connect: Connect) -> AsyncIterator[Api]:
    """The API, and a connection to look behind it."""
    connection = await connect()
    await register_tasks(connection)
    async with running_api(database_url) as client:
        yield Api(client, connection)


@pytest.fixture
async def connection(connect: Connect) -> asyncpg.Connection:
    """A connection that says what changed, with tasks to submit."""
    opened = await connect()
    await register_tasks(opened)
    return opened


@pytest.fixture
async def live(database_url: str, connection: asyncpg.Connection) -> AsyncIterator[Live]:
    """The API on a real port, where streams can be read."""
    async with serving(database_url) as served:
        yield served
