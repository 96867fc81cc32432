"""The API over the test's own database, with two tasks registered."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Connect
from tests.support.api import Api, register_tasks, running_api


@pytest.fixture
async def api(database_url: str, connect: Connect) -> AsyncIterator[Api]:
    """The API, and a connection to look behind it."""
    connection = await connect()
    await register_tasks(connection)
    async with running_api(database_url) as client:
        yield Api(client, connection)
