"""An effect ledger in memory: answers as the statements of the storage do, and writes down the order of all calls."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from easyflow.domain.effects import EffectState
from easyflow.storage.effects import Closing, Intent
from easyflow.storage.items import Chunk


class MemoryBook:
    """The effects of jobs by ordinal; `said` tells what was asked of it, in order.

    `taken_over` makes every claim a stale one, `lapsed` lets the lease run out, `expired` lets the receivers forget
    their keys, `lose_answers` makes the next intent be said twice, as after a connection that broke.
    """

    def __init__(self) -> None:
        self.rows: dict[tuple[UUID, int], dict[str, Any]] = {}
        self.said: list[str] = []
        self.emitted: list[Chunk] = []
        self.taken_over = False
        self.lapsed = False
        self.expired = False
        self.lose_answers = False

    @property
    def states(self) -> list[str]:
        """The state of every effect, by ordinal."""
        return [str(row["state"]) for _, row in sorted(self.rows.items())]

    async def open(self, intent: Intent) -> Any:
        """Keep an intent unless there is one, and tell what was there before."""
        self.said.append(f"intent {intent.name}")
        if self.lose_answers:
            self.lose_answers = False
            await self.open(intent)
        found = self.rows.get((intent.job_id, intent.ordinal))
        told = {"held": not self.taken_over, "state": None} if found is None else {**found}
        if found is None and not self.taken_over:
            self.rows[intent.job_id, intent.ordinal] = self._row(intent)
        return {**told, "held": not self.taken_over, "expired": self.expired}

    async def reopen(self, intent: Intent) -> bool:
        """Open what did not happen, and what is open already with the same request and a key that is remembered."""
        self.said.append(f"again {intent.name}")
        found = self.rows[intent.job_id, intent.ordinal]
        fits = found["state"] == EffectState.DID_NOT_HAPPEN or (
            found["state"] == EffectState.OPEN and found["request_hash"] == intent.request_hash and not self.expired
        )
        if not fits or self.taken_over:
            return False
        found.update(self._row(intent))
        return True

    async def close(self, closing: Closing) -> bool:
        """Keep an outcome of what this claim opened."""
        self.said.append(f"{closing.state} {closing.ordinal}")
        found = self.rows[closing.job_id, closing.ordinal]
        if self.taken_over or found["claim_token"] != closing.claim_token:
            return False
        found.update(state=closing.state, result=closing.result, note=closing.note)
        return True

    async def emit(self, chunk: Chunk) -> bool:
        """Keep items."""
        if self.taken_over:
            return False
        self.emitted.append(chunk)
        return True

    def may_act(self) -> bool:
        """Say whether the lease lasts."""
        return not self.lapsed

    def terminate(self) -> None:
        """Cut nothing off: there is no connection."""

    def wait(self, doing: Coroutine[Any, Any, Any]) -> Any:
        """Do it for a handler in a thread."""
        self.said.append("waited")
        return asyncio.run(doing)

    @staticmethod
    def _row(intent: Intent) -> dict[str, Any]:
        names = ("name", "effects", "key", "request_hash", "claim_token", "key_window")
        return {"state": EffectState.OPEN, "result": None, "note": None} | {n: getattr(intent, n) for n in names}
