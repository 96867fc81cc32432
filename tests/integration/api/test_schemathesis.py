"""What the OpenAPI document says is so: each operation is asked in ways it allows, and in some that it forbids."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi import checks

from easyflow.api.app import create_app
from easyflow.local.postgres import LocalPostgres
from easyflow.settings import Settings
from easyflow.storage.sql import Connection
from tests.support.api import register_tasks
from tests.support.doubts import in_doubt
from tests.support.factories import DONE, FAILED, RETRY_LATER, TASK, claim, concurrent, end, submit, submit_many, ticket
from tests.support.postgres import fresh_database
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


async def fill(connection: Connection) -> None:
    """Put jobs in every place, dead letters among them, and let a worker know the tasks."""
    await register_tasks(connection)
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
    """Let most ids be those of jobs that exist, and of dead letters where it is about them."""
    asked = (path_parameters or {}).get("job_id")
    if asked is None or len(asked) < 36 or asked[0] in "01":
        return path_parameters
    path = context.operation.path if context.operation else ""
    known = LETTERS if "dead-letters" in path else DOUBTS if path.endswith("/settle") else JOBS
    return {**(path_parameters or {}), "job_id": known[sum(map(ord, asked)) % len(known)]}


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
    return {**said, **known, **seen}


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
