"""Statements: one per file in `queries/`, each opened by a contract that is read here and held by tests.

A contract's `takes` names every parameter with its PostgreSQL type; `:name` in the statement becomes that parameter
with that cast, so that no parameter is ever left for the planner to guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg

from easyflow.domain.transitions import TRANSITIONS, Transition

QUERIES = Path(__file__).parent / "queries"

_PLACEHOLDER = re.compile(r"(?<![:\w]):([a-z_]+)")

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Statement:
    """One SQL statement with its contract; parameters are given by name."""

    def __init__(self, name: str, source: str) -> None:
        """Read the contract and number the parameters; raises ValueError when they do not agree."""
        self.name = name
        contract, body = _split(source)
        self.purpose, self.labels = _labels(contract)
        self.types = _types(self.labels.get("takes", "nothing"))
        used = list(dict.fromkeys(_PLACEHOLDER.findall(body)))
        if set(used) != set(self.types):
            raise ValueError(f"{name}: takes {sorted(self.types)} but uses {sorted(used)}")
        self.parameters = tuple(self.types)
        numbers = {parameter: n for n, parameter in enumerate(self.parameters, 1)}
        self.text = f"-- {name}\n" + _PLACEHOLDER.sub(
            lambda found: f"${numbers[found[1]]}::{self.types[found[1]]}", body
        )

    async def fetch(self, connection: Connection, **values: Any) -> list[asyncpg.Record]:
        """Run it and return all rows."""
        return await connection.fetch(self.text, *self.arguments(values))

    async def fetchrow(self, connection: Connection, **values: Any) -> asyncpg.Record | None:
        """Run it and return the first row, if any."""
        return await connection.fetchrow(self.text, *self.arguments(values))

    def arguments(self, values: dict[str, Any]) -> Sequence[Any]:
        """Put named values into the statement's order; raises KeyError on a missing one, TypeError on a strange one."""
        if len(values) != len(self.parameters):
            raise TypeError(f"{self.name}: takes {self.parameters}, was given {tuple(values)}")
        return [values[parameter] for parameter in self.parameters]

    @property
    def moves(self) -> list[Transition]:
        """The transitions its contract names; raises ValueError for one that does not exist."""
        known: dict[tuple[str, str | None, str], Transition] = {(t.id, t.source, t.target): t for t in TRANSITIONS}
        found = []
        for move in filter(None, re.split(r",\s*", self.labels.get("moves", ""))):
            parsed = re.fullmatch(r"(T\d+) (?:([A-Z_]+) )?-> ([A-Z_]+)", move.strip())
            transition = known.get((parsed[1], parsed[2], parsed[3])) if parsed else None
            if transition is None:
                raise ValueError(f"{self.name}: no transition {move!r}")
            found.append(transition)
        return found


@cache
def statement(name: str) -> Statement:
    """Return the statement of `queries/<name>.sql`; read once."""
    return Statement(name, (QUERIES / f"{name}.sql").read_text())


def _split(source: str) -> tuple[list[str], str]:
    lines = source.splitlines()
    end = next(n for n, line in enumerate(lines) if not line.startswith("--"))
    return lines[:end], "\n".join(lines[end:]).strip()


def _labels(contract: list[str]) -> tuple[str, dict[str, str]]:
    purpose: list[str] = []
    labels: dict[str, str] = {}
    current = None
    for line in contract:
        labelled = re.match(r"^-- (moves|takes|returns|index): (.*)$", line)
        text = labelled[2] if labelled else line.removeprefix("--").strip()
        if labelled:
            current = labelled[1]
            aside = re.split(r"\s{2,}index: ", text)
            labels[current] = aside[0]
            if len(aside) == 2:
                labels["index"] = aside[1]
        elif current:
            labels[current] += " " + text
        else:
            purpose.append(text)
    return " ".join(purpose), labels


def _types(takes: str) -> dict[str, str]:
    if takes == "nothing":
        return {}
    pairs = (part.strip().split(" ", 1) for part in takes.split(","))
    return {name: kind.strip() for name, kind in pairs}
