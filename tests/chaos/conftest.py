"""A durable server of one test's own, which it may kill, with a migrated database in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from easyflow.local.postgres import LocalPostgres
from tests.support.postgres import migrate, running_server, scratch_folder
from tests.support.site import Site, open_site


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    """A server that keeps what it has committed, whoever kills it."""
    with (
        scratch_folder(tmp_path_factory.mktemp("postgres")) as folder,
        running_server(folder, durable=True, changes={"max_connections": "200"}) as server,
    ):
        yield server


@pytest.fixture
async def own_site(own_server: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A migrated database on that server."""
    migrate(own_server.url())
    async with open_site(own_server.url(), tmp_path_factory.mktemp("site")) as opened:
        yield opened
