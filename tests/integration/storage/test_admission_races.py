"""Admission against everything that moves beside it: it locks first and counts in a later statement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import pytest

from easyflow.storage import enqueue
from easyflow.storage.admission import Key, admit, keys_of
from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support.factories import (
    claim,
    concurrent,
    end,
    key,
    place,
    submit,
)
from tests.support.interleave import Stage
from tests.support.mutations import mutated

KEY = {"queues": ["default"], "keys": ["k"], "ordered": [False]}

LOCK_AND_MOVE = """
with locked as materialized (
    select k.queue, k.key, k.ordered from easyflow.keys as k where k.key = 'k' for update
),
next as (
    select p.ctid as ticket from locked as u cross join lateral (
        select p.ctid from easyflow.parked as p
        where p.state = 'BLOCKED' and p.queue = u.queue and p.key = u.key and p.ordered = u.ordered
        order by p.blocked_seq
        limit greatest(0, 1 - (select count(*) from easyflow.ready as r where r.key = u.key)
                            - (select count(*) from easyflow.leases as l where l.key = u.key))) as p
),
moved as (delete from easyflow.parked where ctid = any (array(select ticket from next)) returning *)
insert into easyflow.ready (job_id, ready_at, priority, lane, ordered, queue, task, key)
select job_id, parked_at, priority, 1, ordered, queue, task, key from moved returning job_id
"""


async def in_one_statement(connection: Connection) -> list[asyncpg.Record]:
    """Admission as it must not be: it counts with a snapshot from before it had the lock."""
    return await connection.fetch(LOCK_AND_MOVE)


Admission = Callable[[Connection], Coroutine[Any, Any, list[asyncpg.Record]]]


async def admitted(connection: Connection) -> list[asyncpg.Record]:
    return await admit(connection, [key()])


@pytest.mark.parametrize(("admission", "ready"), [(admitted, 1), (in_one_statement, 2)])
async def test_an_admission_counts_what_moved_while_it_waited_for_the_lock(
    connect: Connect, admission: Admission, ready: int
) -> None:
    slow, first, second = await Stage(connect).actors("slow submitter", "first", "second")
    await admit(first.connection, [key()])
    submitting = slow.connection.transaction()
    await submitting.start()
    await enqueue.store(slow.connection, [concurrent()])
    await submit(first.connection, concurrent())
    # The first admission sees the quick submitter's job only, and moves it. Then the earlier one appears.
    moving = first.connection.transaction()
    await moving.start()
    assert len(await admit(first.connection, [key()])) == 1
    await submitting.commit()
    step = await second.start(admission(second.connection))
    assert step.blocked
    await moving.commit()
    await step.result()
    assert await slow.connection.fetchval("select count(*) from easyflow.ready") == ready


@pytest.mark.parametrize(("admission", "state"), [(admitted, "READY"), (in_one_statement, "BLOCKED")])
async def test_a_finish_and_a_submit_that_pass_each_other_leave_nobody_behind(
    connect: Connect, admission: Admission, state: str
) -> None:
    worker, submitter = await Stage(connect).actors("worker", "submitter")
    await submit(worker.connection, concurrent())
    await admit(worker.connection, [key()])
    claimed = await claim(worker.connection)
    finishing = worker.connection.transaction()
    await finishing.start()
    await statement("lock_keys").fetch(worker.connection, **KEY)
    submitting = submitter.connection.transaction()
    await submitting.start()
    (waiting,) = (await enqueue.store(submitter.connection, [concurrent()])).ids
    step = await submitter.start(admission(submitter.connection))
    assert step.blocked
    # The finish does not see the submitted job, and the submit must see the finish.
    accepted = await end(worker.connection, claimed)
    assert await admit(worker.connection, keys_of(accepted)) == []
    await finishing.commit()
    await step.result()
    await submitting.commit()
    assert await place(worker.connection, waiting) == state


async def test_an_open_transaction_that_submits_does_not_hold_up_finishes_of_its_key(connect: Connect) -> None:
    user, worker = await Stage(connect).actors("user", "worker")
    await submit(worker.connection, concurrent(), concurrent())
    await admit(worker.connection, [key()])
    claimed = await claim(worker.connection)
    open_transaction = user.connection.transaction()
    await open_transaction.start()
    await enqueue.store(user.connection, [concurrent(), concurrent("new")])
    finished = await worker.start(end(worker.connection, claimed))
    assert not finished.blocked
    admission = await worker.start(admit(worker.connection, keys_of(await finished.result()) | {key("new")}))
    assert not admission.blocked
    assert len(await admission.result()) == 1
    await open_transaction.rollback()


async def test_a_submit_that_made_the_key_row_would_hold_them_up(connect: Connect) -> None:
    user, worker = await Stage(connect).actors("user", "worker")
    open_transaction = user.connection.transaction()
    await open_transaction.start()
    await statement("ensure_keys").fetch(user.connection, **KEY)
    admission = await worker.start(admit(worker.connection, [key()]))
    assert admission.blocked
    await open_transaction.commit()
    await admission.result()


KEYS = [key(name) for name in ("a", "m", "z")]


async def lock(connection: Connection, keys: list[Key]) -> None:
    """The first statement of an admission, with its keys in the order given."""
    async with connection.transaction():
        await statement("lock_keys").fetch(
            connection,
            queues=[k.queue for k in keys],
            keys=[k.key for k in keys],
            ordered=[k.ordered for k in keys],
        )


@pytest.mark.parametrize("broken", [False, True])
async def test_admissions_of_the_same_keys_in_opposite_order_do_not_deadlock(connect: Connect, broken: bool) -> None:
    holder, up, down = await Stage(connect).actors("holder", "up", "down")
    await admit(holder.connection, KEYS)
    holding = holder.connection.transaction()
    await holding.start()
    await lock(holder.connection, KEYS[1:2])
    rising = await up.start(lock(up.connection, KEYS))
    with mutated("lock_keys", *([("order by k.queue, k.key, k.ordered", "order by k.key desc")] if broken else [])):
        falling = await down.start(lock(down.connection, KEYS[::-1]))
    assert rising.blocked
    assert falling.blocked
    await holding.commit()
    ends = await asyncio.gather(rising.result(), falling.result(), return_exceptions=True)
    assert [type(failed) for failed in ends if failed] == ([asyncpg.DeadlockDetectedError] if broken else [])


async def test_admissions_of_many_overlapping_keys_go_through(connect: Connect) -> None:
    connections = [await connect() for _ in range(6)]
    names = [f"k{n}" for n in range(30)]
    await submit(connections[0], *(concurrent(name) for name in names for _ in range(6)))
    async with asyncio.timeout(20):
        moved = await asyncio.gather(
            *(
                admit(each, [key(name) for name in (names[::-1] if n % 2 else names)[n:]])
                for n, each in enumerate(connections)
            )
        )
    assert len([row for rows in moved for row in rows]) == 30


async def test_an_admission_waits_for_the_removal_of_its_key_and_makes_it_again(connect: Connect) -> None:
    janitor, worker = await Stage(connect).actors("janitor", "worker")
    await admit(janitor.connection, [key()])
    (waiting,) = await submit(worker.connection, concurrent(queue="default"))
    await janitor.connection.execute("update easyflow.parked set state = 'SCHEDULED', run_at = now()")
    removing = janitor.connection.transaction()
    await removing.start()
    await statement("remove_idle_keys").fetch(janitor.connection, max_keys=10)
    await worker.connection.execute("update easyflow.parked set state = 'BLOCKED', run_at = null")
    admission = await worker.start(admit(worker.connection, [key()]))
    assert admission.blocked
    await removing.commit()
    assert [row["job_id"] for row in await admission.result()] == [waiting]
