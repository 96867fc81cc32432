"""A build of the dashboard in a folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.dashboard import build


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a small build."""
    return build(tmp_path / "static")
