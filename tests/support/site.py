"""A database in which workers run, seen from outside: submit, wait, look at every row a job leaves behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from easyflow.domain import document
from easyflow.domain.states import TERMINAL
from easyflow.storage import conservation, jobs
from easyflow.storage.enqueue import NewTicket
from easyflow.storage.notifications import notify_control, notify_ready
from easyflow.storage.sql import Connection
from easyflow.submission import door
from tests.support import acts
from tests.support.factories import ticket
from tests.support.trace import Trace
from tests.support.waiting import until

TABLES = (
    "create table public.effects (job_id uuid not null, lease_no bigint not null, label text not null)",
    "create table public.parents (id integer primary key)",
    "create table public.children (parent integer references public.parents deferrable initially deferred)",
)


class Site:
    """One database with the tables of the test tasks, a held connection to it, and the trace of what ran."""

    def __init__(self, url: str, connection: Connection, trace: Trace) -> None:
        self.url = url
        self.connection = connection
        self.trace = trace

    async def reconnect(self) -> None:
        """Open another connection in place of one that the server's death has ended."""
        self.connection.terminate()
        self.connection = await asyncpg.connect(self.url)

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Connection]:
        """Lend the held connection to what commits on its own."""
        yield self.connection

    async def submit(self, task: str, payload: Any = None, **facts: Any) -> UUID:
        """Submit one job and wake the workers; its id."""
        (job_id,) = await self.submit_all([job(task, payload, **facts)])
        return job_id

    async def submit_all(self, tickets: Iterable[NewTicket]) -> list[UUID]:
        """Submit jobs together and wake the workers; their ids."""
        wanted = list(tickets)
        stored = await door.submit(self.lend, wanted)
        await notify_ready(self.connection, {each.queue for each in wanted})
        return stored.ids

    async def cancel(self, job_id: UUID) -> str:
        """Cancel a job and wake the workers."""
        answer = await acts.cancel(self.connection, job_id, actor="test", reason=None)
        await notify_control(self.connection)
        return answer

    async def run_now(self, job_id: UUID) -> None:
        """Let a scheduled job start now, and wake the workers."""
        queue = await acts.run_now(self.connection, job_id, actor="test", reason=None)
        await notify_ready(self.connection, [queue])

    async def change_queue(self, name: str, **asked: Any) -> None:
        """Change a queue's settings, and wake the workers."""
        await acts.change_queue(self.connection, name, actor="test", **asked)
        await notify_control(self.connection)

    async def states(self, ids: Iterable[UUID]) -> dict[UUID, str]:
        """Where each job is."""
        rows = await jobs.read_states(self.connection, list(ids))
        return {row["job_id"]: row["state"] for row in rows}

    async def until_ended(self, *ids: UUID, seconds: float = 15.0) -> list[str]:
        """Wait until all are in a terminal state; these, in the order of the ids."""
        found: dict[UUID, str] = {}

        async def all_ended() -> bool:
            found.update(await self.states(ids))
            return all(found.get(each) in TERMINAL for each in ids)

        def open_ones() -> str:
            return ", ".join(f"{each} {found.get(each)}" for each in ids if found.get(each) not in TERMINAL)[:1000]

        await until(seconds, all_ended, open_ones)
        return [found[each] for each in ids]

    async def until_state(self, job_id: UUID, state: str, seconds: float = 10.0) -> None:
        """Wait until a job is in a state."""

        async def there() -> bool:
            return (await self.states([job_id])).get(job_id) == state

        await until(seconds, there, lambda: f"{job_id} is not {state}")

    async def until_traced(self, event: str, job_id: UUID | None = None, times: int = 1, seconds: float = 10.0) -> None:
        """Wait until handlers have left a trace so often."""

        async def traced() -> bool:
            return self.trace.count(event, job_id) >= times

        await until(seconds, traced, lambda: f"{event} was seen {self.trace.count(event, job_id)} times")

    async def ticket(self, job_id: UUID) -> asyncpg.Record:
        """A job's state and counters."""
        row = await self.connection.fetchrow("select * from easyflow.job_states where job_id = $1", job_id)
        assert row is not None
        return row

    async def attempts(self, job_id: UUID) -> list[asyncpg.Record]:
        """A job's attempts, oldest first."""
        return await jobs.read_attempts(self.connection, [job_id])

    async def outcomes(self, job_id: UUID) -> list[str]:
        """How a job's attempts ended, oldest first."""
        return [row["outcome"] for row in await self.attempts(job_id)]

    async def result(self, job_id: UUID) -> Any:
        """A job's result; None when it has none."""
        text = await self.connection.fetchval("select result::text from easyflow.results where job_id = $1", job_id)
        return None if text is None else document.parse(text, max_bytes=2**22)

    async def dead_letter(self, job_id: UUID) -> asyncpg.Record | None:
        """A job's dead letter."""
        return await self.connection.fetchrow("select * from easyflow.dead_letters where job_id = $1", job_id)

    async def effects(self, *ids: UUID) -> int:
        """How many rows the handlers of these jobs (of all, if none is named) have committed."""
        some = "where job_id = any ($1)" if ids else "where $1::uuid[] is not null"
        counted: int = await self.connection.fetchval(f"select count(*) from public.effects {some}", list(ids))
        return counted

    async def effects_of_each(self) -> dict[UUID, int]:
        """How many rows each job has committed."""
        rows = await self.connection.fetch("select job_id, count(*) as times from public.effects group by job_id")
        return {row["job_id"]: row["times"] for row in rows}

    async def assert_conserved(self) -> None:
        """Every job in one place, every failure with its dead letter, every order with one holder."""
        checked = await conservation.check_data(self.connection)
        assert checked.breaches == []


def job(task: str, payload: Any = None, **facts: Any) -> NewTicket:
    """One job for `Site.submit_all`."""
    return ticket(task=task, payload=door.payload_text({} if payload is None else payload, 2**20), **facts)


@asynccontextmanager
async def open_site(url: str, folder: Path) -> AsyncIterator[Site]:
    """A site on a migrated database; the workers' logs go into `folder`, beside the trace."""
    trace = Trace(folder / "trace.jsonl")
    trace.file.touch()
    site = Site(url, await asyncpg.connect(url), trace)
    try:
        for table in TABLES:
            await site.connection.execute(table)
        yield site
    finally:
        await site.connection.close()
