"""The replies about effects on the outside, and about jobs whose outcome there is not known."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from easyflow.domain.effects import EffectState
from easyflow.domain.states import Effects


class Effect(BaseModel):
    """One thing a handler does outside, as the ledger knows it; `key` is the idempotency key its receiver was sent.

    `closed_by` is "worker" where its own attempt closed it, else who settled it. `result_bytes` is null where no result
    is recorded; of a ledger with more than a megabyte of results, only the latest are in the answer.
    """

    model_config = ConfigDict(extra="forbid")

    ordinal: int
    name: str
    effects: Effects
    state: EffectState
    key: str
    tries: int
    lease_no: int
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    note: str | None
    repeat_until: datetime | None
    request_hash: str
    result: Any
    result_bytes: int | None


class InDoubt(BaseModel):
    """Why a job waits for a person; `version` is the `seen_version` of a settle."""

    model_config = ConfigDict(extra="forbid")

    version: int
    since: datetime
    reason: str | None
    cancel_requested: bool
