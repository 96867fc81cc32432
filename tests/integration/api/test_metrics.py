"""What Prometheus reads: true numbers, bounded labels, and an answer also while the database is away."""

from __future__ import annotations

from uuid import uuid4

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from easyflow.api import metrics
from easyflow.api.app import create_app
from easyflow.settings import Settings
from tests.conftest import Connect
from tests.support.api import PAY, Api, running_api
from tests.support.doubts import in_doubt
from tests.support.factories import FAILED, TASK, claim, run_through, start_executor, submit, ticket


class Read:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def values(self, name: str, **labels: str) -> list[float]:
        """The values of a metric whose labels include these."""
        return [each.value for each in self.samples if each.name == name and labels.items() <= each.labels.items()]

    def value(self, name: str, **labels: str) -> float:
        """The one value of a metric."""
        (found,) = self.values(name, **labels)
        return found

    def labels(self, name: str, label: str) -> set[str]:
        """What a label says anywhere."""
        return {each.labels[label] for each in self.samples if each.name == name}


async def scrape(client: httpx.AsyncClient) -> Read:
    reply = await client.get("/metrics")
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/plain; version=1.0.0")
    return Read(reply.text)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scrape reads the database anew."""
    monkeypatch.setattr(metrics, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(metrics, "REST", 0.0)


async def test_requests_are_counted_by_template_method_and_status(api: Api) -> None:
    for _ in range(2):
        await api.get("/jobs/0198c0de-0000-7000-8000-000000000000")
    await api.submit()
    await api.client.request("GET", "/api/v1/jobs", headers={"host": "elsewhere.example.org"})
    read = await scrape(api.client)
    asked = "easyflow_http_requests_total"
    assert read.value(asked, method="GET", route="/api/v1/jobs/{job_id}", status="404") == 2
    assert read.value(asked, method="POST", route="/api/v1/jobs", status="201") == 1
    assert read.value(asked, method="GET", route="(other)", status="403") == 1
    took = "easyflow_http_request_duration_seconds"
    assert read.value(f"{took}_count", method="POST", route="/api/v1/jobs") == 1
    assert 0 < read.value(f"{took}_sum", method="POST", route="/api/v1/jobs") < 10
    assert read.value(f"{took}_bucket", route="/api/v1/jobs", le="+Inf") == 1


async def test_what_a_client_makes_up_adds_no_labels(api: Api) -> None:
    for number in range(30):
        await api.client.request(f"MADEUP{number}", f"/nowhere/{number}")
        await api.client.get(f"/api/v1/jobs/{number}/nothing")
    read = await scrape(api.client)
    assert read.labels("easyflow_http_requests_total", "route") == {"(other)"}
    assert read.labels("easyflow_http_requests_total", "method") == {"OTHER", "GET"}


async def test_counts_of_the_database_are_true(api: Api, fresh: None) -> None:
    await run_through(api.connection, FAILED)
    await submit(api.connection, ticket(queue="held"), ticket(queue="held"))
    await submit(api.connection, *(ticket() for _ in range(3)))
    worker_id = uuid4()
    executors = [await start_executor(api.connection, worker_id=worker_id) for _ in range(2)]
    await claim(api.connection, executor_id=executors[0])
    await api.submit(queue="held", delay_seconds=600)
    read = await scrape(api.client)
    in_queue = {
        (queue, state): read.value("easyflow_jobs", queue=queue, state=state)
        for queue in ("held", "default")
        for state in ("ready", "running", "parked")
    }
    assert in_queue == {
        ("held", "ready"): 2, ("held", "running"): 0, ("held", "parked"): 1,
        ("default", "ready"): 2, ("default", "running"): 1, ("default", "parked"): 0,
    }  # fmt: skip
    assert read.value("easyflow_dead_letters_open") == 1
    assert (read.value("easyflow_workers_live"), read.value("easyflow_executors_live")) == (1, 2)
    assert (read.value("easyflow_database_up"), read.value("easyflow_database_counted")) == (1, 1)


async def test_the_age_of_the_oldest_ready_job_is_told_for_each_queue(api: Api, fresh: None) -> None:
    await submit(api.connection, ticket(), ticket(queue="b"))
    await api.connection.execute("delete from easyflow.ready where queue = 'b'")
    await api.connection.execute(
        "with taken as (delete from easyflow.ready returning *) "
        "insert into easyflow.ready (job_id, ready_at, priority, lane, queue, task) "
        "select job_id, easyflow.clock() - interval '90 seconds', priority, lane, queue, task from taken"
    )
    read = await scrape(api.client)
    assert 90 <= read.value("easyflow_queue_oldest_ready_age_seconds", queue="default") < 120
    assert all(age == 0 for age in read.values("easyflow_queue_oldest_ready_age_seconds", queue="b"))


async def test_jobs_in_doubt_are_told_by_queue_and_task_with_the_age_of_the_oldest(api: Api, fresh: None) -> None:
    assert (await scrape(api.client)).values("easyflow_jobs_in_doubt") == []
    for facts in ({}, {}, {"queue": "money"}, {"task": PAY, "queue": "money"}):
        await in_doubt(api.connection, **facts)
    first = await api.connection.fetchval("select min(job_id::text) from easyflow.parked")
    await api.connection.execute(
        "with taken as (delete from easyflow.parked where job_id::text = $1 returning *) "
        "insert into easyflow.parked (job_id, parked_at, lease_no, priority, state, queue, task) "
        "select job_id, easyflow.clock() - interval '90 seconds', lease_no, priority, state, queue, task from taken",
        first,
    )
    read = await scrape(api.client)
    pairs = {("default", TASK): 2, ("money", TASK): 1, ("money", PAY): 1}
    for (queue, task), jobs in pairs.items():
        assert read.value("easyflow_jobs_in_doubt", queue=queue, task=task) == jobs
    age = "easyflow_jobs_in_doubt_oldest_age_seconds"
    assert 90 <= read.value(age, queue="default", task=TASK) < 120
    assert 0 <= read.value(age, queue="money", task=PAY) < 60
    overview = (await api.get("/stats/overview")).json()
    assert {"state": "IN_DOUBT", "value": 4, "kind": "exact"} in overview["states"]


async def test_only_the_fullest_pairs_of_doubts_have_a_name(
    api: Api, fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_QUEUES", 2)
    for number in range(4):
        for _ in range(number + 1):
            await in_doubt(api.connection, queue=f"q{number}")
    read = await scrape(api.client)
    assert read.labels("easyflow_jobs_in_doubt", "queue") == {"q3", "q2", "(other)"}
    assert read.value("easyflow_jobs_in_doubt", queue="(other)", task="(other)") == 3


async def test_only_the_fullest_queues_have_a_name(api: Api, fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert metrics.MOST_QUEUES == 200
    monkeypatch.setattr(metrics, "MOST_QUEUES", 2)
    for number in range(5):
        await submit(api.connection, *(ticket(queue=f"q{number}") for _ in range(number + 1)))
    read = await scrape(api.client)
    ready = {name: read.value("easyflow_jobs", queue=name, state="ready") for name in ("q4", "q3", "(other)")}
    assert ready == {"q4": 5, "q3": 4, "(other)": 6}
    assert read.labels("easyflow_jobs", "queue") == {"q4", "q3", "(other)"}


async def test_a_scrape_soon_after_another_reads_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "FRESH_SECONDS", 3600.0)
    await submit(api.connection, ticket())
    assert (await scrape(api.client)).value("easyflow_jobs", queue="default", state="ready") == 1
    await submit(api.connection, ticket())
    assert (await scrape(api.client)).value("easyflow_jobs", queue="default", state="ready") == 1


async def test_counts_that_take_too_long_are_left_out_and_said_to_be(
    api: Api, fresh: None, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "READING_SECONDS", 0.2)
    blocker = await connect()
    async with blocker.transaction():
        await blocker.execute("lock table easyflow.ready in access exclusive mode")
        read = await scrape(api.client)
        assert (read.value("easyflow_database_up"), read.value("easyflow_database_counted")) == (1, 0)
        assert read.values("easyflow_jobs") == []
    assert (await scrape(api.client)).value("easyflow_database_counted") == 1


async def test_without_a_database_the_process_is_still_measured(database_url: str) -> None:
    away = f"{database_url.rpartition('@')[0]}@127.0.0.1:1/none"
    async with running_api(away) as client:
        await client.get("/healthz")
        read = await scrape(client)
    assert (read.value("easyflow_database_up"), read.value("easyflow_database_counted")) == (0, 0)
    assert read.values("easyflow_jobs") == read.values("easyflow_dead_letters_open") == []
    assert read.value("easyflow_http_requests_total", route="/healthz", status="200") == 1
    assert read.value("process_resident_memory_bytes") > 0
    assert read.labels("easyflow_build_info", "version") == {"0.1.0"}


async def test_an_exhausted_pool_does_not_hang_a_scrape(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "ACQUIRE_SECONDS", 0.1)
    held = [await api.backend.pool.acquire() for _ in range(10)]
    try:
        assert (await scrape(api.client)).value("easyflow_database_up") == 0
    finally:
        for connection in held:
            await api.backend.pool.release(connection)


async def test_every_application_counts_for_itself(database_url: str, connect: Connect) -> None:
    async with running_api(database_url) as one, running_api(database_url) as other:
        await one.get("/healthz")
        assert (await scrape(one)).values("easyflow_http_requests_total", route="/healthz") == [1]
        assert (await scrape(other)).values("easyflow_http_requests_total", route="/healthz") == []


async def test_executors_whose_lease_ran_out_are_not_alive(api: Api, fresh: None, connect: Connect) -> None:
    connection: asyncpg.Connection = await connect()
    await start_executor(connection, lease_seconds=-1)
    assert (await scrape(api.client)).value("easyflow_executors_live") == 0


def test_the_document_says_that_it_is_text(database_url: str) -> None:
    described = create_app(Settings(database_url=database_url, mode="development")).openapi()
    assert set(described["paths"]["/metrics"]["get"]["responses"]["200"]["content"]) == {"text/plain"}
    streamed = described["paths"]["/api/v1/stream"]["get"]["responses"]["200"]["content"]
    assert set(streamed) == {"text/event-stream"}
