"""The command line, pointed at a database of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from easyflow.engine.executor_main import row_of
from easyflow.registry import load
from easyflow.storage.sql import Connection
from easyflow.storage.tasks import register
from tests.conftest import Connect
from tests.support.command_line import Called, call

Easyflow = Callable[..., Awaitable[Called]]


@pytest.fixture
def easyflow(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Easyflow:
    """Call it with the words behind `easyflow`."""
    for name in ("EASYFLOW_DATABASE_DIRECT_URL", "EASYFLOW_TASKS", "EASYFLOW_QUEUES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EASYFLOW_DATABASE_URL", database_url)
    return call


@pytest.fixture
async def database(connect: Connect) -> Connection:
    """A connection to the database that the command line uses; a worker has announced the built-in tasks."""
    connection = await connect()
    tasks = load(["easyflow.builtin.tasks", "easyflow.examples.mainframe.tasks"])
    await register(connection, [row_of(task) for task in tasks.values()])
    return connection
