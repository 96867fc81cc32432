"""An ending whose answer is lost counts once, is known to count, and lets the next job of its key go at once.

No supervisor runs here: nothing is swept, promoted or rescued but by what these tests start.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import pytest

from easyflow.domain.outcome import Outcome, Succeeded
from easyflow.engine.connection import HeldConnection
from easyflow.engine.finisher import Finisher
from easyflow.engine.marks import Marks
from easyflow.observability import record
from easyflow.storage import conservation, leases
from easyflow.storage.admission import admit
from easyflow.storage.database import open_engine
from easyflow.storage.transactional import CommitUnknown, complete, open_session
from tests.conftest import Connect
from tests.support.factories import (
    BACK,
    DONE,
    DOUBT,
    FAILED,
    RETRY_LATER,
    SNOOZE,
    VANISHED,
    claim,
    concurrent,
    ending,
    key,
    outcomes,
    place,
    start_executor,
    submit,
    submit_many,
    ticket_of,
)
from tests.support.proxy import Proxy, running_proxy

# What is lost of each kind of ending, what is recorded, where the job is then, and where the next of its key.
KINDS: dict[str, tuple[Outcome, str, list[str], str, str]] = {
    "finish": (DONE, "finish_jobs", ["succeeded"], "SUCCEEDED", "READY"),
    "retry": (RETRY_LATER, "put_back_jobs", ["retried"], "SCHEDULED", "READY"),
    "snooze": (SNOOZE, "put_back_jobs", ["snoozed"], "SCHEDULED", "READY"),
    "fail": (FAILED, "fail_jobs", ["failed"], "FAILED", "READY"),
    "doubt": (DOUBT, "put_in_doubt", ["in_doubt"], "IN_DOUBT", "READY"),
    "vanish": (VANISHED, "COMMIT of lock_claims", ["lost"], "READY", "BLOCKED"),
    "hand back": (BACK, "hand_back_jobs", [], "READY", "BLOCKED"),
}
CHARGED = {"retry": (1, 0, 0), "vanish": (0, 1, 0)}


@dataclass
class Desk:
    """A finisher over a line that can lose answers, and what it told."""

    finisher: Finisher
    line: Proxy
    connection: asyncpg.Connection
    executor_id: UUID
    marks: Marks
    rejected: list[UUID] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def record(self, *rows: asyncpg.Record, outcome: Outcome = DONE, seconds: float = 10.0) -> None:
        """End attempts, and wait until that is recorded."""
        for row in rows:
            self.finisher.add(ending(row, outcome), self.marks.begin(row["claim_token"].bytes, 1e9))
        async with asyncio.timeout(seconds):
            await self.finisher.drained()

    async def claim(self, jobs: int = 1) -> list[asyncpg.Record]:
        """Claim as this executor."""
        return await claim(self.connection, jobs, executor_id=self.executor_id)


@pytest.fixture
async def desk(database_url: str, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """A finisher that runs, and whose line the test may break."""
    connection, marks = await connect(), Marks.create(64)
    executor_id = await start_executor(connection)
    async with running_proxy(database_url) as line:
        held = HeldConnection(line.url, "finish")
        told: list[str] = []
        finisher = Finisher(
            held,
            executor_id,
            marks,
            lambda: told.append("admitted"),
            lambda: told.append("recorded"),
            lambda: told.append("failed"),
        )
        made = Desk(finisher, line, connection, executor_id, marks, told=told)
        monkeypatch.setattr(record, "finish_rejected", lambda job_id, *_: made.rejected.append(job_id))
        running = asyncio.create_task(finisher.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await held.close()


async def two_of_a_key(connection: asyncpg.Connection) -> list[UUID]:
    """Two jobs of one key: the first may go, the second waits for it."""
    ids = await submit(connection, concurrent(), concurrent())
    await admit(connection, [key()])
    return ids


async def assert_counted_once(desk: Desk, job_ids: Iterable[UUID], said: list[str], charged: tuple[int, ...]) -> None:
    for job_id in job_ids:
        assert await outcomes(desk.connection, job_id) == said
        row = await ticket_of(desk.connection, job_id)
        assert tuple(row[name] for name in ("retry_count", "losses", "unstarted")) == charged
    assert desk.rejected == []
    assert list(desk.marks.started()) == []
    assert (await conservation.check_data(desk.connection)).breaches == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lost", [1, 2])
async def test_an_ending_whose_answer_is_lost_counts_once_and_its_key_goes_on(desk: Desk, kind: str, lost: int) -> None:
    outcome, statement, said, state, next_state = KINDS[kind]
    first, second = await two_of_a_key(desk.connection)
    rows = await desk.claim()
    desk.line.swallow(statement, times=lost)
    await desk.record(*rows, outcome=outcome)
    assert desk.line.swallowed == {statement: lost}
    assert (await place(desk.connection, first), await place(desk.connection, second)) == (state, next_state)
    assert desk.told.count("failed") == (1 if kind == "fail" else 0)
    await assert_counted_once(desk, [first], said, CHARGED.get(kind, (0, 0, 0)))


async def test_the_answer_to_the_question_may_be_lost_too(desk: Desk) -> None:
    first, second = await two_of_a_key(desk.connection)
    desk.line.swallow("finish_jobs")
    desk.line.swallow("read_endings", times=2)
    await desk.record(*await desk.claim())
    assert desk.line.swallowed == {"finish_jobs": 1, "read_endings": 2}
    assert await place(desk.connection, second) == "READY"
    await assert_counted_once(desk, [first], ["succeeded"], (0, 0, 0))


@pytest.mark.parametrize("committed", [True, False])
async def test_an_admission_whose_answer_is_lost_is_made_again_at_once(desk: Desk, committed: bool) -> None:
    first, second = await two_of_a_key(desk.connection)
    if committed:
        desk.line.swallow("COMMIT of admit_jobs")
    else:
        desk.line.refuse("lock_keys")
    await desk.record(*await desk.claim())
    assert (desk.line.swallowed + desk.line.refused).total() == 1
    assert await place(desk.connection, second) == "READY"
    await assert_counted_once(desk, [first], ["succeeded"], (0, 0, 0))


async def test_of_a_batch_unheard_only_what_is_stale_is_rejected(desk: Desk) -> None:
    ids = await submit_many(desk.connection, 3)
    rows = await desk.claim(3)
    (stale,) = [row for row in rows if row["job_id"] == ids[1]]
    await leases.end(desk.connection, desk.executor_id, [ending(stale, BACK)])
    (present,) = await claim(desk.connection)
    desk.line.swallow("finish_jobs")
    await desk.record(*rows)
    assert desk.rejected == [ids[1]]
    assert [await place(desk.connection, job_id) for job_id in ids] == ["SUCCEEDED", "RUNNING", "SUCCEEDED"]
    assert await leases.end(desk.connection, desk.executor_id, [ending(present)])
    assert [await outcomes(desk.connection, job_id) for job_id in ids] == [["succeeded"]] * 3


async def test_an_unheard_ending_that_was_not_committed_is_said_again(desk: Desk) -> None:
    ids = await submit_many(desk.connection, 3)
    desk.line.refuse("finish_jobs")
    await desk.record(*await desk.claim(3))
    await assert_counted_once(desk, ids, ["succeeded"], (0, 0, 0))


async def test_a_completion_of_its_own_whose_commit_is_unheard_is_read_back(desk: Desk) -> None:
    first, second = await two_of_a_key(desk.connection)
    (row,) = await desk.claim()
    engine = open_engine(desk.line.url, 1, 10.0)
    desk.line.swallow("COMMIT of finish_jobs")
    with pytest.raises(CommitUnknown):
        async with open_session(engine) as session:
            await complete(session, desk.executor_id, ending(row))
    await engine.dispose()
    assert desk.line.swallowed == {"COMMIT of finish_jobs": 1}
    desk.finisher.add(ending(row, BACK), None, Succeeded)
    async with asyncio.timeout(10):
        await desk.finisher.drained()
    assert await place(desk.connection, second) == "READY"
    await assert_counted_once(desk, [first], ["succeeded"], (0, 0, 0))
