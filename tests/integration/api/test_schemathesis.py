"""What the OpenAPI document says is so: each operation is asked in ways it allows, and in some that it forbids."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi import checks

from easyflow.api.app import create_app
from easyflow.domain.timing import LONGEST_INTERVAL_SECONDS, Cron
from easyflow.local.postgres import LocalPostgres
from easyflow.settings import Settings
from easyflow.storage import schedules
from easyflow.storage.runs.acts import Caller
from easyflow.storage.schedules import NAME, Plan
from easyflow.storage.sql import Connection
from tests.support.api import register_tasks, task_row
from tests.support.doubts import in_doubt
from tests.support.factories import DONE, FAILED, RETRY_LATER, TASK, claim, concurrent, end, submit, submit_many, ticket
from tests.support.postgres import fresh_database
from tests.support.runs import begin, step, workflow
from tests.support.served import served_api

EACH = 15
DOCUMENT = create_app(Settings.model_construct(database_url="postgresql://nobody@localhost/nothing")).openapi()
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]

SCHEMA = schemathesis.openapi.from_dict(DOCUMENT).exclude(path_regex="/stream$")
JOBS: list[str] = []
LETTERS: list[str] = []
DOUBTS: list[str] = []
RUNS: list[str] = []
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*")
SCHEDULES = [f"s{n}" for n in range(2 * EACH)]
TIMES: list[dict[str, Any]] = [
    {"cron": "30 2 * * *", "zone": "Europe/Berlin"},
    {"every_seconds": 3600},
    {"at": "2100-01-01T00:00:00Z"},
]
FLOW = workflow(
    step("a", map={"items": [1, 2, 3]}),
    step("go", wait_for_signal={"signal": "go"}),
    step("b", "a", "go"),
)


async def fill(connection: Connection) -> None:
    """Put jobs in every place, dead letters among them, and let a worker know the tasks."""
    await register_tasks(connection, task_row(), task_row("work", queue="flows"))
    RUNS.extend([str((await begin(connection, FLOW)).id) for _ in range(2 * EACH)])
    for name in SCHEDULES:
        await schedules.create(connection, name, Plan("w", Cron("0 * * * *")), Caller("test"))
    for outcome, ids in ((FAILED, LETTERS), (DONE, JOBS), (RETRY_LATER, JOBS)):
        ids += map(str, await submit_many(connection, EACH, tags=["a"]))
        await end(connection, await claim(connection, EACH), outcome)
    DOUBTS.extend([str(await in_doubt(connection)) for _ in range(EACH)])
    JOBS.extend(map(str, await submit_many(connection, EACH)))
    await claim(connection, EACH)
    waiting = [each for _ in range(EACH) for each in (ticket(), ticket(delay_seconds=3600.0), concurrent())]
    JOBS.extend(map(str, await submit(connection, *waiting)))


@pytest.fixture(scope="module")
async def address(postgres_server: LocalPostgres, database_admin: asyncpg.Connection) -> AsyncIterator[str]:
    """Where the API answers, over a database full of jobs."""
    async with fresh_database(database_admin, postgres_server) as url:
        connection = await asyncpg.connect(url)
        await fill(connection)
        await connection.close()
        with served_api(url) as served:
            yield served


@pytest.fixture(scope="module")
def session() -> requests.Session:
    """One client for all questions."""
    return requests.Session()


@SCHEMA.hook
def map_path_parameters(context: schemathesis.HookContext, path_parameters: dict[str, Any] | None) -> Any:
    """Let most ids be those of jobs and runs that exist, and of dead letters where it is about them."""
    said = path_parameters or {}
    path = context.operation.path if context.operation else ""
    if path.startswith("/api/v1/schedules/{name}") and len(said.get("name", "")) > 1:
        return {**said, "name": SCHEDULES[sum(map(ord, said["name"])) % len(SCHEDULES)]}
    asked = said.get("job_id", said.get("run_id"))
    if asked is None or len(asked) < 36 or asked[0] in "01":
        return path_parameters
    if "run_id" in said:
        named = {name: known for name, known in (("step", "a"), ("name", "go")) if len(said.get(name, "")) % 2}
        return {**said, **named, "run_id": RUNS[sum(map(ord, asked)) % len(RUNS)]}
    known = LETTERS if "dead-letters" in path else DOUBTS if path.endswith("/settle") else JOBS
    return {**said, "job_id": known[sum(map(ord, asked)) % len(known)]}


@SCHEMA.hook
def map_query(context: schemathesis.HookContext, query: dict[str, Any] | None) -> Any:
    """Let nobody wait for jobs that nobody runs."""
    waits = (query or {}).get("wait_seconds")
    return {**(query or {}), "wait_seconds": waits / 1000} if isinstance(waits, float | int) and waits > 0 else query


@SCHEMA.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Let most jobs be of a task that exists, and most acts be on what was seen."""
    if isinstance(body, dict) and isinstance(body.get("jobs"), list):
        return {**body, "jobs": [_likely(each) for each in body["jobs"]]}
    return _likely(body)


def _likely(said: Any) -> Any:
    """Say the same with a task and a version that exist, unless what stands there is odd or by chance."""
    if not isinstance(said, dict):
        return said
    task, version = said.get("task"), said.get("seen_version")
    known = {"task": TASK} if isinstance(task, str) and task and len(task) % 4 else {}
    seen = {"seen_version": 1} if isinstance(version, int) and version > 0 and version % 4 else {}
    flow = said.get("workflow")
    flows = {"workflow": "w"} if isinstance(flow, str) and NAME.fullmatch(flow) and len(flow) % 4 else {}
    versions = {"version": 1} if flows and "version" in said else {}
    return {**_timed(said), **known, **seen, **flows, **versions}


def _timed(said: dict[str, Any]) -> dict[str, Any]:
    """Say one kind of times that fit where what is said of times could be so, unless by chance."""
    times = {word: said[word] for word in ("cron", "zone", "every_seconds", "start", "at") if word in said}
    chosen = len(str(said)) % 4
    if not times or chosen == 3 or not all(_may_be(word, value) for word, value in times.items()):
        return said
    return {**{word: value for word, value in said.items() if word not in times}, **TIMES[chosen]}


def _may_be(word: str, value: Any) -> bool:
    if value is None or word in ("cron", "zone"):
        return value is None or isinstance(value, str)
    if word == "every_seconds":
        return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LONGEST_INTERVAL_SECONDS
    return isinstance(value, str) and MOMENT.fullmatch(value) is not None


@schemathesis.serializer("application/x-ndjson")
def one_line(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Send a batch of one."""
    return json.dumps(value).encode()


@SCHEMA.parametrize()
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)
def test_every_answer_is_as_the_document_says(
    case: schemathesis.Case[Any], address: str, session: requests.Session
) -> None:
    # An id may be called batch, and there is none.
    unfit = [checks.unsupported_method] if case.path.endswith("/jobs/batch") else []
    case.validate_response(case.call(base_url=address, session=session), checks=CHECKS, excluded_checks=unfit)
