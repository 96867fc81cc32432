"""`easyflow check` finds what may never be, and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from easyflow.storage import conservation
from easyflow.storage.admission import admit
from easyflow.storage.sql import Connection
from tests.integration.cli.conftest import Easyflow
from tests.support import acts
from tests.support.factories import (
    DONE,
    FAILED,
    RETRY_LATER,
    claim,
    concurrent,
    end,
    key,
    ordered,
    run_through,
    submit,
    ticket,
)

TICKET = "(job_id, ready_at, priority, lane, queue, task, key, ordered)"
Plant = Callable[[Connection], Awaitable[str]]


async def a_bit_of_everything(database: Connection) -> None:
    """Jobs in each table, a replayed and a discarded dead letter, an ordering key whose head waits for a retry."""
    await run_through(database, DONE)
    await run_through(database, FAILED)
    replayed, discarded = await run_through(database, FAILED), await run_through(database, FAILED)
    await acts.replay(database, replayed, seen_version=1, payload=None, actor="ann", reason="again")
    await end(database, await claim(database), DONE)
    await acts.discard(database, discarded, seen_version=1, actor="ann", reason="no")
    await submit(database, ordered(), ordered(), concurrent("c"), concurrent("c"))
    await admit(database, [key(in_order=True), key("c")])
    await end(database, await claim(database, 2), RETRY_LATER)
    await submit(database, ticket(), ticket(delay_seconds=60.0))
    await claim(database)


async def test_sound_data_is_right_in_small_windows_too(
    easyflow: Easyflow, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_bit_of_everything(database)
    done = await easyflow("check")
    assert done.code == 0
    assert done.out == "Right: 10 jobs, each in one place; 2 FAILED, each with a dead letter.\n"
    monkeypatch.setattr(conservation, "WINDOW", 1)
    assert (await easyflow("check", "--json")).json == {"ok": True, "jobs": 10, "failed": 2, "items": []}


async def lost(database: Connection) -> str:
    (job_id,) = await submit(database, ticket())
    await database.execute("delete from easyflow.ready where job_id = $1", job_id)
    return str(job_id)


async def doubled(database: Connection) -> str:
    job_id = await run_through(database, DONE)
    await ready(database, job_id)
    return str(job_id)


async def a_stranger(database: Connection) -> str:
    job_id = await stranger(database, uuid7())
    await submit(database, ticket())
    return job_id


async def a_stranger_behind_every_job(database: Connection) -> str:
    await submit(database, ticket())
    return await stranger(database, uuid4())


async def unlettered(database: Connection) -> str:
    job_id = await run_through(database, FAILED)
    await database.execute("delete from easyflow.dead_letters where job_id = $1", job_id)
    return str(job_id)


async def failed_but_its_letter_says_replayed(database: Connection) -> str:
    job_id = await run_through(database, FAILED)
    await database.execute("update easyflow.dead_letters set state = 'replayed' where job_id = $1", job_id)
    return str(job_id)


async def an_open_letter_of_a_job_that_runs_again(database: Connection) -> str:
    job_id = await run_through(database, FAILED)
    await acts.replay(database, job_id, seen_version=1, payload=None, actor="ann", reason="again")
    await database.execute("update easyflow.dead_letters set state = 'open' where job_id = $1", job_id)
    return str(job_id)


async def two_heads_of_one_order(database: Connection) -> str:
    first, second = await submit(database, ordered("account 7"), ordered("account 7"))
    await database.execute("delete from easyflow.parked where key = 'account 7'")
    await ready(database, first, "account 7")
    await ready(database, second, "account 7")
    return "default/account 7"


async def ready(database: Connection, job_id: UUID, ordering_key: str | None = None) -> None:
    in_order = None if ordering_key is None else True
    await database.execute(
        f"insert into easyflow.ready {TICKET} values ($1, now(), 0, 1, 'default', 'demo.echo', $2, $3)",
        job_id,
        ordering_key,
        in_order,
    )


async def stranger(database: Connection, job_id: UUID) -> str:
    await ready(database, job_id)
    return str(job_id)


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (lost, "lost"),
        (doubled, "doubled"),
        (a_stranger, "strangers"),
        (a_stranger_behind_every_job, "strangers"),
        (unlettered, "unlettered"),
        (failed_but_its_letter_says_replayed, "unlettered"),
        (an_open_letter_of_a_job_that_runs_again, "unfounded"),
        (two_heads_of_one_order, "overfull"),
    ],
)
async def test_one_breach_among_sound_data_is_found_and_named(
    easyflow: Easyflow, database: Connection, plant: Plant, kind: str
) -> None:
    await a_bit_of_everything(database)
    await end(database, await claim(database, 100), DONE)
    about = await plant(database)
    done = await easyflow("check", "--json")
    assert done.code == 1
    assert done.json["ok"] is False
    assert [(item["kind"], item["about"]) for item in done.json["items"]] == [(kind, about)]
    for_people = await easyflow("check")
    assert for_people.code == 1
    assert for_people.out.splitlines()[1].startswith(f"{kind}  {about}")
