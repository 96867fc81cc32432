"""The report of `make matrix`: a row for each combination of point, class and action, none left out silently."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.matrix.combinations import ALL, Combination
from tests.support.provenance import outdated, provenance, table_digest

# The folder in which the scenes of a whole matrix leave their rows.
EVERYTHING = "EASYFLOW_TEST_MATRIX"
REPORT = Path("docs/reports/matrix.md")
_ROW = re.compile(r"^\| (P\d+) \| (\w+) \| (\w+) \| (.*?) \|", re.MULTILINE)


def write(root: Path, folder: Path) -> None:
    """Write the report from what the scenes left in `folder`."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for file in folder.glob("*.json"):
        for row in json.loads(file.read_text()):
            rows[tuple(row["combination"])] = row
    lines = [_line(one, rows.get((one.point.name, one.action, one.effects))) for one in ALL]
    ran = len(rows)
    impossible = sum(one.impossible is not None for one in ALL)
    (root / REPORT).parent.mkdir(parents=True, exist_ok=True)
    (root / REPORT).write_text(
        "\n".join(
            [
                "# Every point, every action, every class",
                "",
                f"Written by `make matrix`: {provenance(root)}; transition table {table_digest(root)}.",
                f"{len(ALL)} combinations: {ran} ran, {impossible} cannot be, {len(ALL) - ran - impossible} failed.",
                "Each ended with its job done once; where it says IN_DOUBT, an operator who had asked the recorder "
                "settled it first.",
                "",
                "| point | action | class | came to | attempts | happened outside | seconds |",
                "|---|---|---|---|---|---|---|",
                *lines,
                "",
            ]
        )
    )


def problems(root: Path) -> list[str]:
    """Say what the committed report lacks: a combination, or the newest transition table."""
    file = root / REPORT
    written = file.read_text() if file.exists() else ""
    told = {(point, action, effects): came_to for point, action, effects, came_to in _ROW.findall(written)}
    found = []
    for one in ALL:
        came_to = told.get((one.point.name, one.action, one.effects))
        if came_to is None:
            found.append(f"{one.point.name} {one.action} {one.effects}: not in the report")
        elif came_to not in ("SUCCEEDED", "IN_DOUBT", one.impossible):
            found.append(f"{one.point.name} {one.action} {one.effects}: {came_to}")
    found += outdated(root, written)
    return found


def _line(one: Combination, row: dict[str, Any] | None) -> str:
    place = f"| {one.point.name} | {one.action} | {one.effects} |"
    if one.impossible is not None:
        return f"{place} {one.impossible} | | | |"
    if row is None:
        return f"{place} **failed** | | | |"
    return f"{place} {row['ended']} | {row['attempts']} | {row['performed']} | {row['seconds']:.1f} |"
