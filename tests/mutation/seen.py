"""A pytest plugin that writes down which statements each test ran, and how long it took: who could notice a mutant."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from easyflow.storage.sql import Statement

_ran: set[str] = set()
_seen: dict[str, dict[str, Any]] = {}


def pytest_configure() -> None:
    """Note every statement that is put into order, whichever way it is then sent."""
    arguments = Statement.arguments

    def noted(self: Statement, values: dict[str, Any]) -> Any:
        _ran.add(self.name)
        return arguments(self, values)

    Statement.arguments = noted  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Attribute what ran meanwhile to this test."""
    _ran.clear()
    began = time.monotonic()
    answer = yield
    if _ran:
        _seen[item.nodeid] = {"seconds": time.monotonic() - began, "statements": sorted(_ran)}
    return answer


def pytest_sessionfinish() -> None:
    """Write it all down."""
    Path(os.environ["EASYFLOW_TEST_SEEN"]).write_text(json.dumps(_seen))
