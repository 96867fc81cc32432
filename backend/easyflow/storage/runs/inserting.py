"""Storing a run: its input checked, its key taken or queued for, the versions of its children pinned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from easyflow.domain import document
from easyflow.domain.workflow.definition import ChildStep, Definition, KeyPolicy
from easyflow.domain.workflow.expressions import ExpressionFailed
from easyflow.errors import Conflict, Invalid
from easyflow.storage.runs.picture import RunPicture, look_at
from easyflow.storage.sql import Connection, statement
from easyflow.storage.workflows import read_version

KEY_LENGTH = 200


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is to be started, and where it comes from: the step of another run, or a slot of a schedule."""

    definition: Definition
    version: int
    input: Any
    tags: tuple[str, ...] = ()
    parent: tuple[UUID, int] | None = None
    schedule: tuple[str, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Inserted:
    """A run that was stored; `queued` behind the live run that has its key, or to replace that one."""

    picture: RunPicture
    queued: bool = False
    replaces: UUID | None = None


async def insert_run(connection: Connection, new: NewRun) -> Inserted:
    """Store a run in the caller's transaction; nothing of it begins yet.

    Raises Invalid when its input does not fit, or gives no key; Conflict when another live run has its key and the
    workflow refuses that; Missing when a child's workflow does not exist.
    """
    problems = new.definition.input_problems(new.input)
    if problems:
        raise Invalid("the input does not fit the workflow", problems)
    key = _key(new)
    children = await pinned_children(connection, new.definition)
    run_id = uuid7()
    row = await _insert(connection, new, run_id, key, children, starts=True)
    queued, replaces = row is None, None
    if row is None:
        replaces = await _holder(connection, new, key)
        row = await _insert(connection, new, run_id, key, children, starts=False)
        assert row is not None
    if new.tags:
        await statement("add_run_tags").fetch(connection, tags=sorted(set(new.tags)), run_id=run_id)
    picture = (await look_at(connection, [row]))[run_id]
    picture.input = new.input
    return Inserted(picture, queued, replaces)


async def _holder(connection: Connection, new: NewRun, key: str | None) -> UUID | None:
    """Return the run to be replaced, if the workflow wants that; raises Conflict if it refuses a second one."""
    policy = new.definition.key_policy
    if policy is KeyPolicy.QUEUE:
        return None
    row = await statement("find_live_run_of_key").fetchrow(connection, workflow=new.definition.name, key=key)
    holder: UUID | None = row["id"] if row else None
    if policy is KeyPolicy.REFUSE:
        raise Conflict(f"another run of {new.definition.name} has this key", run_id=holder and str(holder))
    return holder


async def _insert(
    connection: Connection, new: NewRun, run_id: UUID, key: str | None, children: dict[str, int], *, starts: bool
) -> asyncpg.Record | None:
    parent_run, parent_step = new.parent or (None, None)
    schedule, slot = new.schedule or (None, None)
    return await statement("start_run").fetchrow(
        connection,
        id=run_id,
        workflow=new.definition.name,
        version=new.version,
        digest=new.definition.digest,
        input=document.dumps(new.input),
        key=key,
        deadline_seconds=new.definition.deadline_seconds,
        parent_run=parent_run,
        parent_step=parent_step,
        schedule=schedule,
        slot=slot,
        children=json.dumps(children) if children else None,
        starts=starts,
    )


async def pinned_children(connection: Connection, definition: Definition) -> dict[str, int]:
    """Return the versions that the children of a run will have, whenever they start; raises Missing."""
    wanted = {step.kind.workflow for step in definition.steps if isinstance(step.kind, ChildStep)}
    return {name: (await read_version(connection, name))["version"] for name in sorted(wanted)}


def _key(new: NewRun) -> str | None:
    if new.definition.key is None:
        return None
    try:
        key = new.definition.key.resolve({"input": new.input})
    except ExpressionFailed as failed:
        raise Invalid(f"the run has no key: {failed}", [{"at": "input", "message": str(failed)}]) from None
    if isinstance(key, bool) or not isinstance(key, str | int) or not 0 < len(str(key)) <= KEY_LENGTH:
        message = f"its key must be text of 1 to {KEY_LENGTH} characters, or a whole number"
        raise Invalid(message, [{"at": "input", "message": message}])
    return str(key)
