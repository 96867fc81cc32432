"""The report of `make mutate`: one row for each guard, with the test that fails without it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.mutation import code, statements
from tests.mutation.excused import EXCUSED
from tests.mutation.statements import Mutant
from tests.support.provenance import outdated, provenance, table_digest

REPORT = Path("docs/reports/mutation.md")
_ROW = re.compile(r"^\| `(.*)` \| ([0-9a-f]{8}) \| (?:`(.*)`|(.*)) \| ([\d.]*) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Row:
    """One guard, the digest of the text it stood in, the test that noticed its absence (none: it survived)."""

    guard: str
    digest: str
    test: str
    seconds: float


def all_mutants(root: Path) -> Iterator[tuple[Mutant, str]]:
    """Yield every mutant with the digest of what it was made from."""
    for file in statements.guarded(root):
        for mutant in statements.mutants(file):
            yield mutant, _digest(mutant.text)[:8]
    for mutant, text in code.mutants(root):
        yield mutant, _digest(text)[:8]


def read(root: Path) -> dict[str, Row]:
    """Return the rows of the last report by guard."""
    file = root / REPORT
    written = file.read_text() if file.exists() else ""
    return {
        guard: Row(guard, digest, test, float(seconds or 0))
        for guard, digest, test, _, seconds in _ROW.findall(written)
    }


def write(root: Path, rows: Mapping[str, Row]) -> list[str]:
    """Write the report with the rows of all guards there are; returns those that survived without an excuse."""
    everything = [mutant.guard for mutant, _ in all_mutants(root)]
    known = [rows[guard] for guard in everything if guard in rows]
    survivors = [row.guard for row in known if not row.test and row.guard not in EXCUSED]
    lines = [
        "# Guards taken out, one at a time",
        "",
        f"Written by `make mutate`: {provenance(root)}; transition table {table_digest(root)}.",
        f"{len(known)} of {len(everything)} guards judged, {len(survivors)} survivors, "
        f"{sum(not row.test for row in known) - len(survivors)} that nobody could notice, each with its reason.",
        "",
        "| guard | of | fails without it | seconds |",
        "|---|---|---|---|",
        *(_line(row) for row in known),
        "",
    ]
    (root / REPORT).parent.mkdir(parents=True, exist_ok=True)
    (root / REPORT).write_text("\n".join(lines))
    return survivors


def stale(root: Path) -> list[str]:
    """Say which rows of the committed report are about another text than today's, and whether the table is newer."""
    rows = read(root)
    found = [
        f"{mutant.guard}: judged in another text than today's"
        for mutant, digest in all_mutants(root)
        if mutant.guard in rows and rows[mutant.guard].digest != digest
    ]
    written = (root / REPORT).read_text() if (root / REPORT).exists() else ""
    return found + outdated(root, written)


def problems(root: Path) -> list[str]:
    """Say what else the committed report lacks: a guard, a test that fails without it."""
    rows = read(root)
    found = stale(root)
    for mutant, _ in all_mutants(root):
        row = rows.get(mutant.guard)
        if row is None:
            found.append(f"{mutant.guard}: not in the report")
        elif not row.test and mutant.guard not in EXCUSED:
            found.append(f"{mutant.guard}: survived")
    return found


def _line(row: Row) -> str:
    told = f"`{row.test}`" if row.test else EXCUSED.get(row.guard, "**survived**")
    return f"| `{row.guard}` | {row.digest} | {told} | {row.seconds:.1f} |"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
