"""`make mutate`: take every guard out in turn, and see some test fail for each; what survives is printed and fails.

Guards of statements are found by parsing them, guards in Python are listed in `code.py`. The former are tried in
processes that send the broken text, the latter in copies of the project. What was judged before under the same text is
kept, unless ALL=1 is given.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from tests.mutation import code, court
from tests.mutation.copies import Copy
from tests.mutation.report import Row, all_mutants, read, write
from tests.mutation.statements import Mutant
from tests.support.project import ROOT

SECONDS = 60.0
COPIES = int(os.environ.get("COPIES", "2"))


def main(words: Sequence[str]) -> int:
    """Run what is asked for, write the report, and return 1 when something survived."""
    rows = {} if os.environ.get("ALL") else read(ROOT)
    records = _Records(rows, _asked_for(" ".join(words), rows))
    folder = Path(tempfile.mkdtemp(prefix="easyflow-mutation-"))
    try:
        _judge_code(records, folder)
        _judge_statements(records, folder)
    finally:
        shutil.rmtree(folder)
    survivors = write(ROOT, rows)
    for guard in survivors:
        print(f"survived: {guard}")
    print(f"{len(rows)} guards, {len(survivors)} survivors")
    return 1 if survivors else 0


def _asked_for(wanted: str, rows: Mapping[str, Row]) -> list[tuple[Mutant, str]]:
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


class _Records:
    """What is to be judged, and the report, which is written anew with every verdict."""

    def __init__(self, rows: dict[str, Row], todo: Sequence[tuple[Mutant, str]]) -> None:
        self._rows = rows
        self._digests = {mutant.guard: digest for mutant, digest in todo}
        self._lock = threading.Lock()
        self.statements = [mutant for mutant, _ in todo if mutant.file.suffix == ".sql"]
        self.code = [mutant for mutant, _ in todo if mutant.file.suffix == ".py"]

    def tell(self, guard: str, test: str | None, seconds: float) -> None:
        """Write one verdict down."""
        with self._lock:
            self._rows[guard] = Row(guard, self._digests[guard], test or "", seconds)
            write(ROOT, self._rows)
            print(f"{test or 'SURVIVED':100.100} {seconds:6.1f} s  {guard}", flush=True)


def _judge_statements(records: _Records, folder: Path) -> None:
    if records.statements:
        chosen = court.who_sends_what(ROOT, folder)
        court.try_all(ROOT, folder, records.statements, chosen, COPIES, records.tell)


def _judge_code(records: _Records, folder: Path) -> None:
    copies: Queue[Copy] = Queue()
    for n in range(COPIES if records.code else 0):
        (folder / str(n)).mkdir()
        copies.put(Copy(ROOT, folder / str(n)))

    def judge(mutant: Mutant) -> None:
        copy = copies.get()
        try:
            verdict = copy.judge(ROOT, mutant, code.tests_of(mutant.guard), SECONDS)
        finally:
            copies.put(copy)
        records.tell(mutant.guard, verdict.test, verdict.seconds)

    with ThreadPoolExecutor(COPIES) as pool:
        list(pool.map(judge, records.code))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
