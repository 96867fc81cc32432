"""One Chromium, one installation that all tests may share, and others for tests that need one of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest
from playwright.async_api import Browser, expect

from easyflow.local.postgres import LocalPostgres
from tests.support.browser import Visits, running_browser
from tests.support.postgres import fresh_database
from tests.support.product import Product, built_dashboard

# What a page shows has passed several processes on a busy machine.
expect.set_options(timeout=15_000)

Install = Callable[..., Awaitable[Product]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a browser on a busy machine more time than a function call gets."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(120))


@pytest.fixture(scope="session")
def pages() -> Path:
    """The built dashboard."""
    return built_dashboard()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The one Chromium."""
    async with running_browser() as running:
        yield running


@pytest.fixture
async def visits(browser: Browser) -> AsyncIterator[Visits]:
    """The pages of this test; fails it when anything went wrong in them that it did not expect."""
    opened = Visits(browser)
    try:
        yield opened
    finally:
        await opened.close()
    assert opened.complaints == []


@pytest.fixture(scope="session")
async def shared(
    pages: Path,
    tmp_path_factory: pytest.TempPathFactory,
    database_admin: asyncpg.Connection,
    postgres_server: LocalPostgres,
) -> AsyncIterator[Product]:
    """An installation without a key that runs all the time: a test touches its own jobs and queues only."""
    del pages
    async with fresh_database(database_admin, postgres_server) as url:
        product = Product(url, tmp_path_factory.mktemp("shared"))
        try:
            await product.start()
            yield product
        finally:
            await product.end()


@pytest.fixture
async def install(pages: Path, tmp_path: Path, database_url: str) -> AsyncIterator[Install]:
    """Call it for an installation over this test's own database; nothing is started yet."""
    del pages
    async with AsyncExitStack() as installed:

        async def prepare(prefix: str = "", **settings: str) -> Product:
            product = Product(database_url, tmp_path, prefix=prefix, **settings)
            installed.push_async_callback(product.end)
            return product

        yield prepare
