"""A database and a recorder for each scene; at the end of a whole matrix its report is written."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.matrix.report import EVERYTHING, write
from tests.support.effects import RecorderProcess, running_recorder
from tests.support.project import ROOT
from tests.support.site import Site, open_site


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """A database of one scene's own."""
    async with open_site(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[RecorderProcess]:
    """A recorder of one scene's own."""
    with running_recorder(tmp_path) as running:
        yield running


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report when everything was run, which `make matrix` asks for."""
    folder = os.environ.get(EVERYTHING)
    if folder and not hasattr(session.config, "workerinput"):
        write(ROOT, Path(folder))
