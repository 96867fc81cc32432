"""The door for runs: starting one, once for each idempotency key, and the acts on it with what follows their commit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field

from easyflow.domain import document
from easyflow.domain.json_schema import compiled, problems_of
from easyflow.domain.workflow.definition import Definition, SignalStep
from easyflow.errors import Conflict, Invalid, Missing
from easyflow.settings import Settings
from easyflow.storage import workflows
from easyflow.storage.acts import waiting_briefly
from easyflow.storage.admission import admit
from easyflow.storage.certainty import Lend, certainly
from easyflow.storage.database import afterwards, committed
from easyflow.storage.notifications import notify_control, notify_ready
from easyflow.storage.runs import acts, inserting, once
from easyflow.storage.runs.advance import Advanced
from easyflow.storage.runs.read import read_definition
from easyflow.storage.runs.start import start
from easyflow.storage.runs.stopping import stop_jobs
from easyflow.storage.sql import Connection
from easyflow.storage.workflows import DEFINITIONS
from easyflow.submission.requests import MOST_TAGS, KeyText, Name, Tag, Whole

LONGEST_KEY_WAIT = "2s"
STOP_SECONDS = 2.0
LARGEST_VERSION = 2**31 - 1


class NewRun(BaseModel):
    """One run to be started."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workflow: Name = Field(description="name of a registered workflow")
    version: Annotated[Whole, Field(ge=1, le=LARGEST_VERSION)] | None = Field(None, description="default: the newest")
    input: Any = Field(default_factory=dict, description="JSON that fits the workflow's input schema")
    tags: list[Tag] = Field(default_factory=list, max_length=MOST_TAGS)
    idempotency_key: KeyText | None = Field(None, description="the same key never starts a second run")

    def identity(self) -> dict[str, Any]:
        """Return what makes two requests the same request: everything but the idempotency key itself."""
        said = {"workflow": self.workflow, "version": self.version, "input": self.input, "tags": sorted(set(self.tags))}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class StartedRun:
    """A run that is stored; `existing`: an earlier request with its key started it. `queues` got its first jobs."""

    id: UUID
    existing: bool
    queues: frozenset[str] = field(default=frozenset())


async def start_run(lend: Lend, wanted: NewRun, limits: Settings, *, actor: str, wake: bool = False) -> StartedRun:
    """Start a run, once for each idempotency key; returns when it is committed, also when that went unheard at first.

    A run that it replaces is asked to stop in the same transaction; with `wake`, workers hear of it. Raises Invalid
    naming each problem, TooLarge, Conflict when another run has its key and the workflow refuses that, KeyReused, Busy
    when the first request with its key is not done within two seconds, and CommitUnknown when nobody can tell whether
    it is stored.
    """
    document.check(wanted.input, max_bytes=limits.payload_bytes, at="input")
    document.dumps(wanted.input, max_bytes=limits.payload_bytes, at="input")
    async with lend() as connection:
        definition, version = await find_definition(connection, wanted)
    key = wanted.idempotency_key or uuid4().hex
    digest = document.digest(wanted.identity())
    new = inserting.NewRun(definition, version, wanted.input, tuple(wanted.tags))
    tried = False

    async def write(connection: Connection) -> StartedRun:
        nonlocal tried
        asked_before, tried = tried, True
        async with waiting_briefly(), committed(connection):
            await connection.execute(f"set local lock_timeout = '{LONGEST_KEY_WAIT}'")
            earlier = await once.take(connection, key, digest)
            if earlier is not None:
                return StartedRun(earlier, existing=not asked_before)
            run_id, advanced, replaces = await _start(connection, new, actor)
            await once.keep(connection, key, run_id)
        if wake:
            await follow(connection, advanced)
        if replaces is not None:
            await stop(connection, replaces)
        return StartedRun(run_id, existing=False, queues=frozenset(advanced.queues))

    async def read_back(connection: Connection) -> StartedRun | None:
        found = await once.find(connection, key, digest)
        return None if found is None else StartedRun(found, existing=False)

    return await certainly(lend, write, read_back)


async def follow(connection: Connection, advanced: Advanced) -> None:
    """Wake workers for what a run released, behind the commit, which stands whatever fails."""
    if advanced.queues:
        async with afterwards(connection):
            await notify_ready(connection, advanced.queues)


async def stop(connection: Connection, run_id: UUID) -> None:
    """Stop the jobs of a run that was cancelled, behind the commit; after two seconds that is left to the workers."""
    async with afterwards(connection):
        try:
            async with asyncio.timeout(STOP_SECONDS):
                advanced, keys = await stop_jobs(connection, run_id)
                await admit(connection, keys)
                await notify_ready(connection, advanced.queues)
                await notify_control(connection)
        except TimeoutError:
            return


async def check_signal(connection: Connection, run_id: UUID, name: str, value: Any, limits: Settings) -> None:
    """Raise Invalid when a signal's value does not fit what its step wants, Missing for no such run or signal."""
    definition = await read_definition(connection, run_id)
    document.dumps(value, max_bytes=limits.payload_bytes, at="value")
    kinds = [step.kind for step in definition.steps if isinstance(step.kind, SignalStep) and step.kind.signal == name]
    if kinds and kinds[0].schema is not None:
        problems = problems_of(compiled(kinds[0].schema), value, "value")
        if problems:
            raise Invalid("the signal does not fit the step that waits for it", problems)


async def find_definition(connection: Connection, wanted: NewRun) -> tuple[Definition, int]:
    """Find the version a run is to be on; raises Invalid for no such workflow, and the problems of its input."""
    try:
        row = await workflows.read_version(connection, wanted.workflow, wanted.version)
    except Missing as missing:
        at = "workflow" if wanted.version is None else "version"
        raise Invalid(missing.message, [{"at": at, "message": missing.message}]) from None
    definition = await DEFINITIONS.get(connection, row["name"], row["version"], row["digest"])
    problems = definition.input_problems(wanted.input)
    if problems:
        raise Invalid("the input does not fit the workflow", problems)
    return definition, row["version"]


async def _start(connection: Connection, new: inserting.NewRun, actor: str) -> tuple[UUID, Advanced, UUID | None]:
    """Start a run and have the one it replaces stop; returns which that was, if it has begun to."""
    try:
        started = await start(connection, new)
    except Missing as missing:  # a workflow that a step of it starts
        raise Invalid(missing.message, [{"at": "workflow", "message": missing.message}]) from None
    if started.replaces is None:
        return started.id, started.advanced, None
    try:
        caller = acts.Caller(actor, f"replaced by run {started.id}")
        acted = await acts.cancel(connection, started.replaces, caller)
    except (Conflict, Missing):  # it ended meanwhile
        return started.id, started.advanced, None
    started.advanced.add(acted.advanced)
    return started.id, started.advanced, started.replaces
