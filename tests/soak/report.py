"""The report of `make soak`: what was done, what was broken, what came of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.soak.mischief import ALL
from tests.soak.run import Soaked
from tests.soak.verdict import CLASSES, OUTSIDE, SOMETIMES, Verdict, percentile
from tests.support.provenance import outdated, table_digest

REPORT = Path("docs/reports/soak.md")
STATES = ("SUCCEEDED", "FAILED", "CANCELLED")
PASSED = "Verdict: passed."
_FAULT = re.compile(r"^\| (.+?) \| (\d+|skipped: .+?) \|$", re.MULTILINE)


def write(root: Path, file: Path, soaked: Soaked) -> None:
    """Write the report of one soak."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*lines(root, soaked), ""]))


def problems(root: Path) -> list[str]:
    """Say what the committed report lacks: a kind of fault, the newest transition table, a good end."""
    file = root / REPORT
    written = file.read_text() if file.exists() else ""
    struck = dict(_FAULT.findall(written))
    found = [f"{kind}: not in the report" for kind in ALL if kind not in struck]
    found += [f"{kind}: it never struck" for kind in ALL if struck.get(kind) == "0"]
    found += outdated(root, written)
    if PASSED not in written:
        found.append("the soak was not passed")
    return found


def lines(root: Path, soaked: Soaked) -> Iterator[str]:
    """Yield the report line by line."""
    found = soaked.verdict
    yield "# Under fire"
    yield ""
    yield (
        f"Written by `make soak`: seed {soaked.seed}, {soaked.seconds:.0f} s; {soaked.provenance}; "
        f"transition table {table_digest(root)}."
    )
    yield (
        f"PostgreSQL with fsync and synchronous_commit on; leases of {soaked.lease_seconds:g} s; three workers, "
        "two APIs, five clients, two operators who look at the receiver before they settle."
    )
    yield ""
    yield PASSED if not found.breaches else f"Verdict: **{len(found.breaches)} breaches**."
    yield ""
    yield from _jobs(found)
    yield from _figures(found, soaked.drain_seconds)
    yield from _table("Faults", Counter(blow.fault for blow in soaked.blows if blow.target), tuple(ALL), soaked.skipped)
    yield from _table("Seen on the way", found.sometimes, SOMETIMES, {})
    for breach in found.breaches:
        yield from ("", "```text", breach, "```")


def _jobs(found: Verdict) -> Iterator[str]:
    yield "## Jobs and effects"
    yield ""
    yield f"| class | jobs | {' | '.join(STATES)} | other | effects | duplicates |"
    yield "|---|---|---|---|---|---|---|---|"
    for each in CLASSES:
        states = found.jobs[each]
        counted = " | ".join(str(states[state]) for state in STATES)
        other = states.total() - sum(states[state] for state in STATES)
        acts = (found.effects[each], found.duplicates[each]) if each in ("transactional", *OUTSIDE) else ("", "")
        yield f"| {each} | {states.total()} | {counted} | {other} | {acts[0]} | {acts[1]} |"
    yield ""


def _figures(found: Verdict, drain_seconds: float) -> Iterator[str]:
    submits, doubts = found.submits, found.doubts
    parked = doubts["happened"] + doubts["had not happened"]
    yield "## Figures"
    yield ""
    yield f"- submits acknowledged: {submits['acknowledged']}, of which lost: {submits['lost']}"
    yield (
        f"- submits nobody heard the end of: {submits['recovered'] + submits['unknown']}, of which stored: "
        f"{submits['recovered']}; refused: {submits['refused']}"
    )
    yield f"- stale finishes rejected: {found.sometimes[SOMETIMES[0]]}; accepted: {_accepted_twice(found)}"
    false = f"{doubts['had not happened'] / parked:.0%}" if parked else "none"
    yield (
        f"- in doubt: {parked}; the effect had happened in {doubts['happened']} and had not in "
        f"{doubts['had not happened']} (false-park rate {false}); settled by operators: {doubts['settled']}"
    )
    for kind, seconds in found.waits.items():
        yield f"- {kind}, until its jobs were claimed again: {_spread(seconds)}"
    yield f"- from the last fault until every job had ended: {drain_seconds:.1f} s"
    yield ""


def _accepted_twice(found: Verdict) -> int:
    return sum(breach.startswith(("I2", "I3", "repeated")) for breach in found.breaches)


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "no job was caught"
    return f"p50 {percentile(seconds, 50):.2f} s, p99 {percentile(seconds, 99):.2f} s ({len(seconds)} jobs)"


def _table(title: str, counted: Counter[str], names: Sequence[str], skipped: dict[str, str]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield "| what | times |"
    yield "|---|---|"
    for name in names:
        yield f"| {name} | {f'skipped: {skipped[name]}' if name in skipped else counted[name]} |"
    yield ""
