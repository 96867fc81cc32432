"""A database with one worker that most tests share, and a database of its own for a test that ends its workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from easyflow.local.postgres import LocalPostgres
from tests.support.postgres import fresh_database
from tests.support.site import Site, open_site
from tests.support.waiting import within
from tests.support.worker import Worker, running_worker


@pytest.fixture(scope="package")
async def site(
    postgres_server: LocalPostgres, database_admin: asyncpg.Connection, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """The database of the shared worker."""
    async with (
        fresh_database(database_admin, postgres_server) as url,
        open_site(url, tmp_path_factory.mktemp("site")) as opened,
    ):
        yield opened


@pytest.fixture(scope="package")
def shared_worker(site: Site) -> Iterator[Worker]:
    """One worker with two executors for all tests that leave it alive."""
    with running_worker(site.url, site.trace) as running:
        yield running


@pytest.fixture
def worker(shared_worker: Worker) -> Worker:
    """The shared worker, complete again whatever the test before has done to its executors."""
    within(20, lambda: len(shared_worker.executors()) == 2, shared_worker.told)
    return shared_worker


@pytest.fixture
async def own_site(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A database of one test's own, without a worker."""
    async with open_site(database_url, tmp_path_factory.mktemp("site")) as opened:
        yield opened
