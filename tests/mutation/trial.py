"""A pytest plugin that tries mutants of statements in one process: each is asked of the tests that send it, in turn.

A test is believed when it fails with the guard taken out, passes with the guard in a text written by the same hand, and
fails again without it: so neither the hand, nor a test that breaks the statement itself, nor the weather is a witness.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from easyflow.storage.sql import Statement, statement

ENVIRONMENT = "EASYFLOW_TEST_TRIAL"


class Case:
    """One mutant: which guard of which statement, its text without the guard and with it, and the tests to ask.

    `plans` are asked last: they notice a guard by its index, which says least about what it keeps.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        self.guard: str = told["guard"]
        self.name: str = told["name"]
        self.without = Statement(self.name, told["text"]).text
        self.whole = Statement(self.name, told["whole"]).text
        self.tests: list[str] = told["tests"]
        self.plans: list[str] = told["plans"]

    @contextmanager
    def sent_as(self, text: str) -> Iterator[None]:
        """Send this text for the statement until the block ends."""
        tried = statement(self.name)
        before = tried.text
        tried.text = text
        try:
            yield
        finally:
            tried.text = before


class Trial:
    """Runs the tests that each case names instead of all of them once, and tells each verdict as it comes."""

    def __init__(self, cases: Iterable[Case], tell: Callable[[dict[str, Any]], None]) -> None:
        self._cases = cases
        self._tell = tell
        self._failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Whether anything of the present run failed."""
        self._failed = self._failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try one case after the other."""
        items = {item.nodeid: item for item in session.items}
        witnesses: dict[str, list[str]] = {}
        for case in self._cases:
            began = time.monotonic()
            known = witnesses.setdefault(case.name, [])
            asked = [test for test in dict.fromkeys([*known, *case.tests, *case.plans]) if test in items]
            found = self._witness(session, case, [items[test] for test in asked])
            if found in case.tests:
                witnesses[case.name] = [found, *(test for test in known if test != found)]
            self._tell({"guard": case.guard, "test": found, "seconds": time.monotonic() - began})
        return True

    def _witness(self, session: pytest.Session, case: Case, asked: list[pytest.Item]) -> str | None:
        # What two tests share is kept between them; a node above all tests is what the last of them is followed by.
        followed: list[pytest.Item | pytest.Session] = [*asked[1:], session]
        for item, following in zip(asked, followed, strict=False):
            if (
                self._fails(item, following, case, case.without)
                and not self._fails(item, following, case, case.whole)
                and self._fails(item, session, case, case.without)
            ):
                return item.nodeid
        return None

    def _fails(self, item: pytest.Item, following: pytest.Item | pytest.Session, case: Case, text: str) -> bool:
        self._failed = False
        with case.sent_as(text):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return self._failed


def pytest_configure(config: pytest.Config) -> None:
    """Read the cases, and where their verdicts go."""
    told = json.loads(Path(os.environ[ENVIRONMENT]).read_text())
    verdicts = int(told["verdicts"])

    def tell(verdict: dict[str, Any]) -> None:
        os.write(verdicts, f"{json.dumps(verdict)}\n".encode())

    config.pluginmanager.register(Trial([Case(each) for each in told["cases"]], tell), "trial")
