"""What commands print: aligned tables for people, one line of JSON for programs, times in UTC with Z."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import Any

import orjson

from easyflow.errors import EasyFlowError

PROBLEMS_SHOWN = 5
WIDEST_CELL = 120

_NUMBER = "\x00{}"
_MARKED = re.compile(r'"\\u0000([^"]+)"')

# Text of a job must not move the cursor or colour the terminal of the person who reads it.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def print_json(value: Any) -> None:
    """Print one line of JSON: stored documents as they are, times as RFC 3339 in UTC, ids as text."""
    option = orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_DATACLASS
    print(orjson.dumps(value, default=_written, option=option).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print rows under their column names, numbers to the right; `empty` is the sentence for none."""
    cells = [[cell(value) for value in row] for row in rows]
    if not cells:
        print(empty)
        return
    numeric = [all(_is_number(row[n]) for row in cells) for n in range(len(columns))]
    lines = [list(columns), *cells]
    widths = [max(len(line[n]) for line in lines) for n in range(len(columns))]
    for line in lines:
        aligned = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        )
        print("  ".join(aligned).rstrip())


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print one thing, a fact per line; what it does not have is left out."""
    shown = {name: value for name, value in facts.items() if value is not None and value not in ("", [])}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        print(f"{name.ljust(width)}  {cell(value, widest=None)}")


def print_block(title: str, text: str) -> None:
    """Print text of several lines under a title, indented."""
    print(f"{title}:")
    for line in text.splitlines():
        print(f"  {_UNPRINTABLE.sub(' ', line.expandtabs())}")


def complain(sentence: str) -> None:
    """Say what is in the way, as one line on standard error."""
    print(f"EasyFlow: {_UNPRINTABLE.sub(' ', sentence)}", file=sys.stderr)


def cell(value: Any, widest: int | None = WIDEST_CELL) -> str:
    """Return a value as one line of text; longer text than `widest` is cut."""
    match value:
        case None:
            text = "-"
        case bool():
            text = "yes" if value else "no"
        case datetime():
            text = utc(value, "seconds")
        case list() | tuple():
            text = ",".join(cell(member) for member in value) or "-"
        case _:
            text = _UNPRINTABLE.sub(" ", str(value))
    return text if widest is None or len(text) <= widest else f"{text[: widest - 1]}…"


def error_line(error: Mapping[str, Any] | None) -> str | None:
    """Return an error as one line, its type without the module."""
    return None if error is None else f"{error['type'].rpartition('.')[2]}: {error['message']}"


def program() -> str:
    """Return how to call this program from the present folder."""
    beside = Path(sys.executable).parent / "easyflow"
    if which("easyflow") or not beside.exists():
        return "easyflow"
    return str(beside.relative_to(Path.cwd())) if beside.is_relative_to(Path.cwd()) else str(beside)


def sentence_of(refused: EasyFlowError) -> str:
    """Return what was refused, with the places of the first problems."""
    problems: list[dict[str, str]] = getattr(refused, "problems", [])
    named = [f"{problem['at']}: {problem['message']}" for problem in problems]
    if not named or named[0] in refused.message:
        return refused.message
    more = f"; and {len(named) - PROBLEMS_SHOWN} more" if len(named) > PROBLEMS_SHOWN else ""
    return f"{refused.message}: {'; '.join(named[:PROBLEMS_SHOWN])}{more}"


def utc(moment: datetime, precision: str = "auto") -> str:
    """Return an instant in UTC with Z."""
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def pretty(text: str) -> str:
    """Return stored JSON text over several lines, every number with its digits."""
    # What PostgreSQL keeps holds no NUL, so the marks are ours.
    value = json.loads(text, parse_float=_NUMBER.format, parse_int=_NUMBER.format)
    return _MARKED.sub(r"\1", json.dumps(value, ensure_ascii=False, indent=2))


def raw(text: str | None) -> Raw | None:
    """Mark stored JSON text as what it is; None stays None."""
    return None if text is None else Raw(text)


@dataclass(frozen=True, slots=True)
class Raw:
    """JSON text from the database, put into a document as it is."""

    text: str


def _written(value: Any) -> Any:
    return orjson.Fragment(value.text) if isinstance(value, Raw) else str(value)


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"-?[\d,]*\.?\d+|-", text))
