"""A settled job goes on where it stood: what happened is not done again, what did not happen is done once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.support.api import Api, running_api
from tests.support.site import Site
from tests.support.worker import Worker, running_worker

MODULES = ("tests.support.effect_tasks",)
BY_PHONE = {"number": 4711, "key": "by phone"}


@pytest.fixture
def worker(own_site: Site) -> Iterator[Worker]:
    """A worker of the test's own: its executors are killed from inside."""
    with running_worker(own_site.url, own_site.trace, modules=MODULES, executors=1) as running:
        yield running


@pytest.fixture
async def api(own_site: Site) -> AsyncIterator[Api]:
    """The API beside it."""
    async with running_api(own_site.url) as client:
        yield Api(client, own_site.connection)


async def doubtful(site: Site, first: str = "die_after") -> UUID:
    """A job of two effects that broke off in the first one; its id."""
    job_id = await site.submit("test.charge_unsafe", {"first": first, "effects": 2})
    await site.until_state(job_id, "IN_DOUBT", 20)
    return job_id


async def settle(api: Api, job_id: UUID, outcome: str, **said: Any) -> None:
    version = (await api.get(f"/jobs/{job_id}")).json()["in_doubt"]["version"]
    body = {"outcome": outcome, "reason": "asked the bank", "seen_version": version, **said}
    reply = await api.post(f"/jobs/{job_id}/settle", body)
    assert reply.status_code == 200, reply.text


def charged(site: Site, job_id: UUID) -> list[str]:
    """The keys of what really happened outside, in its order."""
    return [each["key"] for each in site.trace.events("charged", job_id)]


async def ledger(api: Api, job_id: UUID) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get(f"/jobs/{job_id}")).json()["effects"]
    return found


async def test_what_happened_is_given_to_the_handler_which_does_the_rest_once(
    own_site: Site, worker: Worker, api: Api
) -> None:
    job_id = await doubtful(own_site)
    await settle(api, job_id, "happened", result=BY_PHONE)
    assert await own_site.until_ended(job_id) == ["SUCCEEDED"]
    first, second = await ledger(api, job_id)
    assert charged(own_site, job_id) == [first["key"], second["key"]]
    assert (await own_site.result(job_id))["receipts"] == [BY_PHONE, second["result"]]
    assert second["result"]["key"] == second["key"]
    assert (first["state"], first["closed_by"], first["result"]) == ("happened", "api", BY_PHONE)
    assert (second["state"], second["closed_by"], second["tries"]) == ("happened", "worker", 1)
    outcomes = await own_site.outcomes(job_id)
    assert (outcomes[0], outcomes[-1]) == ("in_doubt", "succeeded")
    await own_site.assert_conserved()


async def test_a_completed_job_runs_no_handler(own_site: Site, worker: Worker, api: Api) -> None:
    job_id = await doubtful(own_site)
    await settle(api, job_id, "happened", result=BY_PHONE, complete=True)
    other = await own_site.submit("test.charge_unsafe", {})
    assert await own_site.until_ended(job_id, other) == ["SUCCEEDED", "SUCCEEDED"]
    assert await own_site.result(job_id) == BY_PHONE
    assert own_site.trace.count("start", job_id) == 1
    assert len(charged(own_site, job_id)) == 1
    assert [each["state"] for each in await ledger(api, job_id)] == ["happened"]
    await own_site.assert_conserved()


@pytest.mark.parametrize(("first", "before"), [("die_after", 1), ("die_before", 0)])
async def test_what_did_not_happen_is_done_with_the_same_key(
    own_site: Site, worker: Worker, api: Api, first: str, before: int
) -> None:
    job_id = await doubtful(own_site, first)
    (looked_up,) = [each["key"] for each in await ledger(api, job_id)]
    await settle(api, job_id, "did_not_happen")
    assert await own_site.until_ended(job_id) == ["SUCCEEDED"]
    one, two = await ledger(api, job_id)
    assert charged(own_site, job_id)[before:] == [looked_up, two["key"]]
    assert (one["key"], one["state"], one["tries"], one["closed_by"]) == (looked_up, "happened", 2, "worker")
    await own_site.assert_conserved()


async def test_a_failed_job_runs_no_handler_and_leaves_the_question_open(
    own_site: Site, worker: Worker, api: Api
) -> None:
    job_id = await doubtful(own_site)
    await settle(api, job_id, "failed")
    assert await own_site.until_ended(job_id) == ["FAILED"]
    letter = (await api.get(f"/dead-letters/{job_id}")).json()
    assert (letter["state"], letter["reason"]) == ("open", "settled as failed")
    replay = {"reason": "try it", "seen_version": letter["version"]}
    assert (await api.post(f"/dead-letters/{job_id}/replay", replay)).status_code == 200
    await own_site.until_state(job_id, "IN_DOUBT", 20)
    assert len(charged(own_site, job_id)) == 1
    await own_site.assert_conserved()


async def test_an_effect_without_a_result_that_happened_gives_the_handler_nothing(
    own_site: Site, worker: Worker, api: Api
) -> None:
    job_id = await own_site.submit("test.note_unsafe", {"first": "breaks"})
    await own_site.until_state(job_id, "IN_DOUBT", 20)
    await settle(api, job_id, "happened")
    assert await own_site.until_ended(job_id) == ["SUCCEEDED"]
    assert await own_site.result(job_id) == {"noted": None}
    assert len(charged(own_site, job_id)) == 1
