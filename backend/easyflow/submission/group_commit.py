"""Group commit: single submits that come at the same time share one statement and one commit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from easyflow.errors import Busy, EasyFlowError, StorageUnavailable
from easyflow.storage.certainty import certainly
from easyflow.storage.database import Pool, acquired, committed, self_committing
from easyflow.storage.enqueue import NewTicket, Stored, read_back, store_each
from easyflow.storage.sql import Connection
from easyflow.submission.door import submit

# While one waits for the disk, PostgreSQL works on another.
AT_ONCE = 3
MOST_PER_COMMIT = 200
MOST_CHARS_PER_COMMIT = 1024 * 1024
KEY_WAIT = "50ms"
ALONE_AT_ONCE = 4
ALONE_WAIT_SECONDS = 5.0
KEYED_WAIT_SECONDS = 2.0
CROWDED = "too many submits wait for idempotency keys that are under way; repeat this one shortly"

# None: refused also when it stood alone; it goes its own way and hears why.
_Answer = Stored | EasyFlowError | None


@dataclass(slots=True, eq=False)
class _Member:
    """One submit that waits for its answer; done before that when its caller has gone away."""

    ticket: NewTicket
    answer: asyncio.Future[_Answer]


class GroupCommit:
    """Stores single jobs for many requests; one per process.

    Nobody waits for company: what came while commits were under way goes into the next one. Jobs with and without
    idempotency key go different ways, because a key that somebody else holds makes its whole commit wait.
    """

    def __init__(self, pool: Pool) -> None:
        """Store over connections of `pool`, at most ten at once; four of these may wait long."""
        self._lend = partial(acquired, pool)
        self._free = _Lane(pool, keyed=False)
        self._keyed = _Lane(pool, keyed=True)
        # A key that is held for long takes a connection for as long: some must be left for everybody else.
        self._alone = asyncio.Semaphore(ALONE_AT_ONCE)

    async def submit(self, ticket: NewTicket) -> Stored:
        """Store one checked job; returns when it is committed, with the answer it would have got alone.

        Raises what `submission.door.submit` raises. After CommitUnknown nobody can tell whether the job is stored; a
        caller that goes away before the commit began leaves nothing behind, and no trace in its neighbours.
        """
        if ticket.key is None:
            lane = self._free if ticket.idempotency_key is None else self._keyed
            answer = await lane.join(ticket)
            if isinstance(answer, EasyFlowError):
                raise answer
            if answer is not None:
                return answer
        return await self._submit_alone(ticket)

    @property
    def waiting(self) -> int:
        """How many submits wait for a commit to begin."""
        return self._free.waiting + self._keyed.waiting

    async def close(self) -> None:
        """Return when nothing is under way any more."""
        await self._free.idle()
        await self._keyed.idle()

    async def _submit_alone(self, ticket: NewTicket) -> Stored:
        """Submit a job whose key needs admission, or one that was refused: here it waits longer, and hears why."""
        keyed = ticket.idempotency_key is not None
        try:
            async with asyncio.timeout(KEYED_WAIT_SECONDS if keyed else ALONE_WAIT_SECONDS):
                await self._alone.acquire()
        except TimeoutError:
            raise (Busy(CROWDED) if keyed else StorageUnavailable()) from None
        try:
            return await submit(self._lend, [ticket])
        finally:
            self._alone.release()


class _Lane:
    """A few commits at once, each of everything that has arrived when it begins."""

    def __init__(self, pool: Pool, *, keyed: bool) -> None:
        self._lend = partial(acquired, pool)
        self._keyed = keyed
        self._waiting: deque[_Member] = deque()
        self._commits: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """How many wait for a commit to begin."""
        return len(self._waiting)

    async def join(self, ticket: NewTicket) -> _Answer:
        """Wait for the commit that carries this ticket; None when it was refused and is not stored."""
        loop = asyncio.get_running_loop()
        member = _Member(ticket, loop.create_future())
        self._waiting.append(member)
        if len(self._commits) < AT_ONCE:
            self._commits.add(loop.create_task(self._run()))
        return await member.answer

    async def idle(self) -> None:
        """Return when nothing is under way."""
        while self._commits:
            await asyncio.wait(set(self._commits))

    async def _run(self) -> None:
        members: list[_Member] = []
        try:
            while self._waiting:
                members = self._next_group()
                await self._commit(members)
        finally:
            # Here and not when the task is done: who joins in between would wait for one that looks no more.
            self._commits -= {asyncio.current_task()}
            for member in (*members, *self._waiting):  # nobody is left waiting when this task itself is stopped
                _answer(member, StorageUnavailable())

    def _next_group(self) -> list[_Member]:
        """Take the oldest, as many as one commit may carry."""
        members: list[_Member] = []
        chars = 0
        while self._waiting and len(members) < MOST_PER_COMMIT:
            chars += len(self._waiting[0].ticket.payload)
            if members and chars > MOST_CHARS_PER_COMMIT:
                break
            members.append(self._waiting.popleft())
        return members

    async def _commit(self, members: list[_Member]) -> None:
        """Store a group and answer its members; one that is refused is halved until the culprit stands alone."""
        members = [member for member in members if not member.answer.done()]
        if not members:
            return
        answers = await self._try([member.ticket for member in members])
        if answers is None and len(members) > 1:
            middle = len(members) // 2
            await self._commit(members[:middle])
            await self._commit(members[middle:])
            return
        told: Sequence[_Answer] = answers or [None]
        for member, answer in zip(members, told, strict=True):
            _answer(member, answer)

    async def _try(self, tickets: list[NewTicket]) -> list[Stored | EasyFlowError] | None:
        """Store a group; None when it is refused and nothing is stored."""

        async def write(connection: Connection) -> list[Stored | EasyFlowError]:
            return await self._store(connection, tickets)

        try:
            return await certainly(self._lend, write, lambda connection: read_back(connection, tickets))
        except StorageUnavailable as away:
            # Nothing more is tried, and nobody told that it is stored: perhaps it was not.
            return [type(away)() for _ in tickets]
        except Exception:
            return None  # whatever it is, the culprit hears of it when it goes alone

    async def _store(self, connection: Connection, tickets: list[NewTicket]) -> list[Stored | EasyFlowError]:
        if not self._keyed and not any(ticket.tags for ticket in tickets):
            async with self_committing(connection):
                return await store_each(connection, tickets)
        async with committed(connection):
            if self._keyed:
                await connection.execute(f"set local lock_timeout = '{KEY_WAIT}'")
            return await store_each(connection, tickets)


def _answer(member: _Member, answer: _Answer) -> None:
    if not member.answer.done():
        member.answer.set_result(answer)
