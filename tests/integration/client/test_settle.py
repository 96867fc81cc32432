"""Settling jobs in doubt with either client."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from easyflow.client import Refused
from easyflow.errors import Invalid
from easyflow.storage.sql import Connection
from tests.support.api_process import losing_answers
from tests.support.doubts import WHY, in_doubt
from tests.support.either_client import EitherClient, Kind, either_client


class Receipt(BaseModel):
    """What a bank says."""

    number: int


async def settles(connection: Connection, job_id: UUID) -> int:
    counted: int = await connection.fetchval(
        "select count(*) from easyflow.audit where act = 'settle' and object_id = $1", str(job_id)
    )
    return counted


async def test_a_job_in_doubt_tells_what_to_look_up(client: EitherClient, database: Connection) -> None:
    job_id = await in_doubt(database, ["reserve", "charge"])
    job = await client("get_job", str(job_id))
    assert (job.state, job.version, job.effects_total) == ("IN_DOUBT", 1, 2)
    assert (job.in_doubt.version, job.in_doubt.reason, job.in_doubt.cancel_requested) == (1, WHY, False)
    reserve, charge = job.effects
    assert (reserve.state, reserve.result, reserve.closed_by) == ("happened", {"n": Decimal("1.10")}, "worker")
    assert (charge.state, charge.effects, charge.key.startswith(f"{job_id}.2.")) == ("open", "unsafe", True)
    assert [each.id for each in await client("list_jobs", state="IN_DOUBT")] == [str(job_id)]


@pytest.mark.parametrize(
    ("said", "state", "result"),
    [
        ({"outcome": "happened", "result": {"n": Decimal("1.1000000000000000000000001")}}, "SCHEDULED", None),
        ({"outcome": "happened"}, "SCHEDULED", None),
        ({"outcome": "happened", "result": Receipt(number=7), "complete": True}, "SUCCEEDED", {"number": 7}),
        ({"outcome": "happened", "result": None, "complete": True}, "SUCCEEDED", None),
        ({"outcome": "did_not_happen"}, "SCHEDULED", None),
        ({"outcome": "failed"}, "FAILED", None),
    ],
)
async def test_a_job_is_settled_by_each_outcome(
    client: EitherClient, database: Connection, said: dict[str, Any], state: str, result: Any
) -> None:
    job_id = await in_doubt(database)
    settled = await client("settle", str(job_id), reason="asked the bank", seen_version=1, **said)
    assert (settled.id, settled.state) == (str(job_id), state)
    job = await client("get_job", str(job_id))
    assert (job.result, job.in_doubt) == (result, None)
    if said["outcome"] == "happened" and not said.get("complete"):
        assert (job.effects[0].state, job.effects[0].result) == ("happened", said.get("result"))
    assert await settles(database, job_id) == 1


async def test_the_second_of_two_is_refused_with_where_the_job_is(client: EitherClient, database: Connection) -> None:
    job_id = await in_doubt(database)
    with pytest.raises(Refused) as stale:
        await client("settle", str(job_id), "failed", "x", seen_version=9)
    assert (stale.value.status, stale.value.code, stale.value.version) == (409, "stale_version", 1)
    await client("settle", str(job_id), "did_not_happen", "first", seen_version=1)
    with pytest.raises(Refused, match="this one is SCHEDULED") as second:
        await client("settle", str(job_id), "failed", "second", seen_version=1)
    assert second.value.status == 409
    assert await settles(database, job_id) == 1


async def test_what_makes_no_sense_is_refused(client: EitherClient, database: Connection) -> None:
    job_id = str(await in_doubt(database))
    with pytest.raises(Refused) as refused:
        await client("settle", job_id, "failed", "x", seen_version=1, result={"n": 1})
    assert [each.at for each in refused.value.problems] == ["result"]
    with pytest.raises(Invalid, match="result"):
        await client("settle", job_id, "happened", "x", seen_version=1, result={1, 2})


async def test_a_settle_whose_answer_is_lost_is_one_settle(kind: Kind, api_url: str, database: Connection) -> None:
    job_id = await in_doubt(database)
    async with (
        losing_answers(api_url, lambda asked, number: number == 1) as way,
        either_client(kind, way.url("")) as careful,
    ):
        job = await careful("settle", str(job_id), "did_not_happen", "asked the bank", seen_version=1)
        assert len(way.asked) == 2
        assert len({each.headers["idempotency-key"] for each in way.asked}) == 1
    assert job.state == "SCHEDULED"
    assert await settles(database, job_id) == 1
