"""`make mutate`: take every guard out in turn, and see some test fail for each; what survives is printed and fails.

Guards of statements are found by parsing them, guards in Python are listed in `code.py`. Each mutant is tried in a
copy of the project, against the tests that run its statement, quickest first. What was judged before under the same
text is kept, unless ALL=1 is given.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from tests.mutation import code, statements
from tests.mutation.copies import Copy
from tests.mutation.report import Row, all_mutants, read, write
from tests.support.project import ROOT

STORAGE = ("tests/integration/storage",)
SECONDS = 60.0
MOST_TESTS = 120
COPIES = int(os.environ.get("COPIES", "2"))


def main(words: Sequence[str]) -> int:
    """Run what is asked for, write the report, and return 1 when something survived."""
    before = {} if os.environ.get("ALL") else read(ROOT)
    rows = {row.guard: row for row in before.values()}
    _judge_all(_asked_for(" ".join(words), rows), rows)
    survivors = write(ROOT, rows)
    for guard in survivors:
        print(f"survived: {guard}")
    print(f"{len(rows)} guards, {len(survivors)} survivors")
    return 1 if survivors else 0


def _asked_for(wanted: str, rows: Mapping[str, Row]) -> list[tuple[statements.Mutant, str]]:
    """Return the mutants whose guard or file holds these words; without any, those not judged under today's text."""
    return [
        (mutant, digest)
        for mutant, digest in all_mutants(ROOT)
        if (
            wanted in f"{mutant.guard} {mutant.file.name}"
            if wanted
            else rows.get(mutant.guard, Row("", "", "", 0)).digest != digest
        )
    ]


def _judge_all(todo: Sequence[tuple[statements.Mutant, str]], rows: dict[str, Row]) -> None:
    """Try every mutant, several at once, and keep each verdict in the report as soon as it is there."""
    folder = Path(tempfile.mkdtemp(prefix="easyflow-mutation-"))
    try:
        copies: Queue[Copy] = Queue()
        for n in range(COPIES):
            (folder / str(n)).mkdir()
            copies.put(Copy(ROOT, folder / str(n)))
        court = _Court(
            copies, _who_runs_what(copies.queue[0]) if any(one.file.suffix == ".sql" for one, _ in todo) else {}, rows
        )
        with ThreadPoolExecutor(COPIES) as pool:
            list(pool.map(court.judge, sorted(todo, key=lambda one: one[0].file.suffix == ".sql")))
    finally:
        shutil.rmtree(folder)


class _Court:
    """Judges mutants in whichever copy is free; a test that noticed one mutant is asked first for the next."""

    def __init__(self, copies: Queue[Copy], chosen: dict[str, list[str]], rows: dict[str, Row]) -> None:
        self._copies = copies
        self._chosen = chosen
        self._rows = rows
        self._lock = threading.Lock()

    def judge(self, one: tuple[statements.Mutant, str]) -> None:
        """Try one mutant."""
        mutant, digest = one
        name = mutant.file.stem
        tests = self._chosen.get(name, []) if mutant.file.suffix == ".sql" else code.tests_of(mutant.guard)
        copy = self._copies.get()
        try:
            verdict = copy.judge(ROOT, mutant, tests[:MOST_TESTS], SECONDS)
        finally:
            self._copies.put(copy)
        with self._lock:
            if verdict.test in tests:
                self._chosen[name] = [verdict.test, *(test for test in tests if test != verdict.test)]
            self._rows[mutant.guard] = Row(mutant.guard, digest, verdict.test or "", verdict.seconds)
            write(ROOT, self._rows)
            print(f"{verdict.test or 'SURVIVED':100.100} {verdict.seconds:6.1f} s  {mutant.guard}", flush=True)


def _who_runs_what(copy: Copy) -> dict[str, list[str]]:
    """Return for each statement the tests that run it, the quickest first; raises when they fail as they are."""
    noted = copy.folder / "seen.json"
    verdict = copy.run(STORAGE, 300, "-p", "tests.mutation.seen", EASYFLOW_TEST_SEEN=str(noted))
    if verdict.test is not None:
        raise SystemExit(f"the tests fail without any mutation: {verdict.test}\n{verdict.written[-3000:]}")
    chosen: dict[str, list[tuple[float, str]]] = {}
    for test, ran in json.loads(noted.read_text()).items():
        for name in ran["statements"]:
            chosen.setdefault(name, []).append((ran["seconds"], test))
    return {name: [test for _, test in sorted(found)] for name, found in chosen.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
