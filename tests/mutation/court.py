"""Trying the mutants of statements: which tests to ask, and several processes that ask them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.mutation.statements import Mutant
from tests.mutation.trial import ENVIRONMENT

TESTS = ("tests/integration/storage",)
PLANS = "tests/integration/storage/test_plans.py"
# Written for guards: they put beside each thing another one that must stay as it is.
FIRST = tuple(
    f"tests/integration/storage/test_{name}.py"
    for name in ("neighbours", "ledger_neighbours", "settlements", "timeline_review", "fence", "cancelled_together")
)
SECONDS = 20
MOST_TESTS = 300
PYTEST = (sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:randomly", "-p", "no:cacheprovider", "--tb=line")

Tell = Callable[[str, str | None, float], None]


def who_sends_what(root: Path, folder: Path) -> dict[str, list[str]]:
    """Return for each statement the tests that send it; raises SystemExit when they cannot be run at all.

    One that fails as it is fails with every guard in its place, too: it is no witness, and needs none to say so.
    """
    noted = folder / "seen"
    noted.mkdir()
    ran = subprocess.run(
        [*PYTEST, "-n", "2", "-p", "tests.mutation.seen", *TESTS],
        cwd=root,
        env=_environment(root, EASYFLOW_TEST_SEEN=str(noted)),
        check=False,
        capture_output=True,
        text=True,
    )
    seen = {test: told for file in noted.glob("*.json") for test, told in json.loads(file.read_text()).items()}
    if not seen:
        raise SystemExit(f"the tests cannot be run:\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}")
    return sorted_by_reach(seen)


def sorted_by_reach(seen: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return for each statement the tests that send it: FIRST, then those that send little else, the quickest first."""

    def rank(test: str) -> tuple[bool, int, float]:
        return _file_of(test) not in FIRST, len(seen[test]["statements"]), seen[test]["seconds"]

    chosen: dict[str, list[str]] = {}
    for test in sorted(seen, key=rank):
        for name in seen[test]["statements"]:
            chosen.setdefault(name, []).append(test)
    return chosen


def try_all(
    root: Path, folder: Path, mutants: Sequence[Mutant], chosen: Mapping[str, Sequence[str]], processes: int, tell: Tell
) -> None:
    """Try every mutant, and tell its guard, the test that noticed it and the seconds, as the verdicts come.

    The mutants of one statement are tried by one process. Raises RuntimeError when a process ends before its last one.
    """
    shares: list[list[Mutant]] = [[] for _ in range(processes)]
    names = {mutant.file.stem for mutant in mutants}
    for name in sorted(names, key=lambda each: -sum(mutant.file.stem == each for mutant in mutants)):
        min(shares, key=len).extend(mutant for mutant in mutants if mutant.file.stem == name)
    with ThreadPoolExecutor(processes) as pool:
        tried = [
            pool.submit(_try, root, folder / f"{n}.json", share, chosen, tell)
            for n, share in enumerate(shares)
            if share
        ]
        for each in tried:
            each.result()


def _try(root: Path, file: Path, share: Sequence[Mutant], chosen: Mapping[str, Sequence[str]], tell: Tell) -> None:
    if not share:
        return
    reading, writing = os.pipe()
    cases = [
        {
            "guard": mutant.guard,
            "name": mutant.file.stem,
            "text": mutant.text,
            "whole": mutant.whole,
            "tests": [test for test in chosen.get(mutant.file.stem, ()) if _file_of(test) != PLANS][:MOST_TESTS],
            "plans": [test for test in chosen.get(mutant.file.stem, ()) if _file_of(test) == PLANS],
        }
        for mutant in share
    ]
    file.write_text(json.dumps({"verdicts": writing, "cases": cases}))
    with file.with_suffix(".log").open("w") as log, os.fdopen(reading) as verdicts:
        process = subprocess.Popen(
            [*PYTEST, f"--timeout={SECONDS}", "-p", "tests.mutation.trial", *TESTS],
            cwd=root,
            env=_environment(root, **{ENVIRONMENT: str(file)}),
            stdout=log,
            stderr=log,
            pass_fds=[writing],
        )
        os.close(writing)
        told = 0
        for line in verdicts:
            verdict = json.loads(line)
            tell(verdict["guard"], verdict["test"], verdict["seconds"])
            told += 1
        process.wait()
    if told < len(share):
        raise RuntimeError(
            f"only {told} of {len(share)} mutants were tried:\n{file.with_suffix('.log').read_text()[-3000:]}"
        )


def _environment(root: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{root / 'backend'}:{root}", **more}


def _file_of(test: str) -> str:
    return test.partition("::")[0]
