"""A pytest plugin that writes down which statements each test sends, and how long it takes: who may notice a mutant."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from easyflow.storage.sql import Statement

_sent: set[str] = set()
_seen: dict[str, dict[str, Any]] = {}


class _Noted:
    """The text of a statement: whoever reads it is about to send it, to have it planned, or to break it."""

    def __get__(self, of: Statement, kind: type[Statement]) -> str:
        _sent.add(of.name)
        text: str = of.__dict__["text"]
        return text

    def __set__(self, of: Statement, text: str) -> None:
        of.__dict__["text"] = text


def pytest_configure() -> None:
    """Note every statement that is read, whichever way it is then sent."""
    Statement.text = _Noted()  # type: ignore[assignment]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Attribute what was sent meanwhile to this test."""
    _sent.clear()
    began = time.monotonic()
    answer = yield
    if _sent:
        _seen[item.nodeid] = {"seconds": time.monotonic() - began, "statements": sorted(_sent)}
    return answer


def pytest_sessionfinish() -> None:
    """Write it all down, in a file of this process's own."""
    Path(os.environ["EASYFLOW_TEST_SEEN"], f"{os.getpid()}.json").write_text(json.dumps(_seen))
