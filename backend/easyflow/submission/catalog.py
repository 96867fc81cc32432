"""The tasks a submit is checked against: as registered in the database, each with its payload's compiled schema."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import asyncpg

from easyflow.domain.json_schema import compiled, problems_of
from easyflow.registry import TaskType
from easyflow.storage import tasks as stored_tasks
from easyflow.storage.sql import Connection

FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class CatalogTask:
    """One task as a submit sees it."""

    name: str
    queue: str
    validator: Any

    def problems(self, payload: Any, at: str) -> list[dict[str, str]]:
        """Return what in `payload` does not fit the schema, naming places and never values; empty when it fits."""
        return problems_of(self.validator, payload, at)


class Catalog:
    """Every registered task; read again when it is older than five seconds, or a name is not found."""

    def __init__(self) -> None:
        """Begin empty; the first look reads the database."""
        self._tasks: dict[str, CatalogTask] = {}
        self._sources: dict[str, tuple[str, str]] = {}
        self._read_at = float("-inf")

    def held(self, name: str) -> CatalogTask | None:
        """Return a task that needs no look at the database, else None: then `lookup` decides."""
        return self._tasks.get(name) if time.monotonic() - self._read_at <= FRESH_SECONDS else None

    async def lookup(self, connection: Connection, names: set[str]) -> dict[str, CatalogTask]:
        """Return those of `names` that exist."""
        if time.monotonic() - self._read_at > FRESH_SECONDS or not names <= self._tasks.keys():
            await self._read(connection)
        return {name: self._tasks[name] for name in names & self._tasks.keys()}

    async def _read(self, connection: Connection) -> None:
        # Before the answer: of many requests one reads, and the others take what is there.
        self._read_at = time.monotonic()
        try:
            rows = await stored_tasks.read(connection)
        except BaseException:
            self._read_at = float("-inf")
            raise
        self._tasks = {row["name"]: self._known(row) for row in rows}

    def _known(self, row: asyncpg.Record) -> CatalogTask:
        source = (row["queue"], row["payload_schema"])
        if self._sources.get(row["name"]) == source and row["name"] in self._tasks:
            return self._tasks[row["name"]]
        self._sources[row["name"]] = source
        return CatalogTask(row["name"], row["queue"], validator_of(row["payload_schema"]))


def local_task(task: TaskType) -> CatalogTask:
    """Return a task registered in this process as a submit sees it."""
    return CatalogTask(task.name, task.queue, validator_of(task.payload_schema()))


def validator_of(schema: str) -> Any:
    """Compile a JSON Schema (JSON text): linear-time patterns, no outside references, values masked in messages."""
    return compiled(json.loads(schema))
