"""Strays: jobs that an executor holds in the database and does not know, as the reply to its claim was never heard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg

from easyflow.engine.child import Child
from easyflow.storage.sql import Connection, statement

OLD_SECONDS = 5.0


class Strays:
    """Asks executors about what they have held for a while and have not begun; they hand back what they do not know.

    The claim loop looks for its own unheard claims as long as it remembers them. This is the floor below: it finds
    what came so late, or after such a mishap, that nobody looks for it any more.
    """

    def __init__(self, children: Mapping[UUID, Child]) -> None:
        """Ask these executors; the mapping is the crew's own and changes."""
        self._children = children
        self._suspected: set[UUID] = set()

    async def run_once(self, connection: Connection) -> list[asyncpg.Record]:
        """Look once; an executor is asked about what two looks found, so that nothing just beginning is in doubt."""
        begun = self._begun()
        rows = await statement("find_old_leases").fetch(
            connection, executor_ids=list(self._children), older_than_seconds=OLD_SECONDS
        )
        begun |= self._begun()
        waiting = [row for row in rows if row["claim_token"].bytes not in begun]
        for executor_id, child in self._children.items():
            asked = [
                _told(row)
                for row in waiting
                if row["executor_id"] == executor_id and row["claim_token"] in self._suspected
            ]
            if asked:
                child.tell({"held": asked})
        self._suspected = {row["claim_token"] for row in waiting}
        return []

    def _begun(self) -> set[bytes]:
        return {mark.token for child in self._children.values() for mark in child.marks.started()}


def _told(row: asyncpg.Record) -> dict[str, Any]:
    names = ("job_id", "claim_token", "claim_id")
    return {**{name: str(row[name]) for name in names}, "lease_no": row["lease_no"], "claimed_at": row["claimed_at"]}
