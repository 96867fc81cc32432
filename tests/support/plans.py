"""What the planner chose for a statement, as far as rules speak about it: which indexes, which scans."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any
from uuid import UUID

from easyflow.storage.sql import Connection, Statement


@dataclass
class Plan:
    """Names of the indexes used, and of the tables read from end to end or by address, anywhere in the plan."""

    indexes: set[str] = field(default_factory=set)
    full_scans: set[str] = field(default_factory=set)
    by_address: set[str] = field(default_factory=set)

    def missing(self, wanted: str, day: str) -> list[str]:
        """Which of the index names of a contract, `*` for that day's partition, the plan does not use."""
        names = wanted.replace("*", f"{day}*").split(", ")
        return [name for name in names if not any(fnmatch(used, name) for used in self.indexes)]

    def full_scans_of(self, *tables: str) -> list[str]:
        """The tables among these, `*` for anything, that it reads from end to end."""
        return sorted(used for used in self.full_scans if any(fnmatch(used, name) for name in tables))


async def generic_plan(connection: Connection, statement: Statement, job_id: UUID) -> Plan:
    """The plan a held connection settles on, whatever the values.

    `job_id` stands in for all ids: without one of a real day every partition is left out before the plan is told.
    """
    samples = {"uuid": f"'{job_id}'", "uuid[]": f"array['{job_id}', '{job_id}']::uuid[]"}
    values = ", ".join(samples.get(kind, "null") for kind in statement.types.values())
    await connection.execute("set plan_cache_mode = force_generic_plan")
    await connection.execute(f"prepare explained as {statement.text}")
    try:
        text = await connection.fetchval(f"explain (format json) execute explained{f'({values})' if values else ''}")
    finally:
        await connection.execute("deallocate explained")
    plan = Plan()
    _collect(json.loads(text)[0]["Plan"], plan)
    return plan


def _collect(node: dict[str, Any], plan: Plan) -> None:
    if "Index Name" in node:
        plan.indexes.add(node["Index Name"])
    if node["Node Type"] == "Seq Scan":
        plan.full_scans.add(node["Relation Name"])
    if node["Node Type"] == "Tid Scan":
        plan.by_address.add(node["Relation Name"])
    for child in node.get("Plans", []):
        _collect(child, plan)
