"""Whatever is sent, the answer is never one of the server's own errors."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api import PAY, Api, problem
from tests.support.doubts import in_doubt
from tests.support.factories import FAILED, TASK, run_through

SETTINGS = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

NUMBERS = st.one_of(
    st.integers(-(10**40), 10**40),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0, -1, 1, 32_767, 32_768, 2**31, 2**53 + 1, 2**63, 10**38]),
)
# Surrogates and NUL included: json.dumps escapes them, so that they arrive.
TEXTS = st.one_of(st.text(max_size=20), st.text(st.characters(codec=None), max_size=8), st.just("\0"))
MOMENTS = st.one_of(st.datetimes().map(lambda at: f"{at.isoformat()}Z"), st.sampled_from(["9999-12-31T23:59:59-23:59"]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, MOMENTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)
TASKS = st.one_of(st.sampled_from([TASK, PAY]), VALUES)
# Each field is often nearly right, so that requests come far before something is wrong with them.
PLAUSIBLE = {
    "payload": VALUES,
    "queue": st.sampled_from(["letters", "default"]),
    "priority": NUMBERS,
    "run_at": MOMENTS,
    "delay_seconds": NUMBERS,
    "concurrency_key": TEXTS,
    "ordering_key": TEXTS,
    "max_attempts": NUMBERS,
    "timeout_seconds": NUMBERS,
    "tags": st.lists(TEXTS, max_size=3),
    "idempotency_key": TEXTS,
}
FIELDS = {
    name: likely if name == "payload" else st.one_of(likely, likely, VALUES) for name, likely in PLAUSIBLE.items()
}
SAID = st.one_of(
    [
        st.fixed_dictionaries({"task": st.just(TASK)}, optional={name: FIELDS[name] for name in chosen})
        for chosen in [("payload", name) for name in FIELDS]
    ]
    + [st.fixed_dictionaries({"task": TASKS}, optional={**FIELDS, "reason": TEXTS, "jobs": VALUES})]
)
BODIES = st.one_of(
    SAID.map(lambda said: json.dumps(said).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=60),
    st.text("[]{}:,\"'0123456789.eE+-\\u \n", max_size=60).map(str.encode),
)
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "content-encoding", "idempotency-key", "origin", "content-length", "x-other"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20).map(lambda text: text.encode("latin-1")),
    max_size=2,
)
QUERIES = st.dictionaries(
    st.one_of(
        st.sampled_from(
            ["state", "task", "queue", "tag", "created_after", "cursor", "limit", "reason", "wait_seconds"]
        ),
        st.text(max_size=5),
    ),
    st.one_of(st.text(max_size=12), MOMENTS, NUMBERS.map(str)),
    max_size=3,
)


def check(reply: Any) -> None:
    """The answer is a success, or a problem of the caller's."""
    if reply.status_code >= 400:
        assert reply.status_code < 500, reply.text
        problem(reply, reply.status_code)


@SETTINGS
@given(said=SAID)
async def test_a_job_with_any_fields(api: Api, said: Any) -> None:
    check(await api.send("/jobs", json.dumps(said)))


@SETTINGS
@given(body=BODIES, headers=HEADERS)
async def test_any_body_under_any_headers(api: Api, body: bytes, headers: dict[str, bytes]) -> None:
    named = {b"content-type": b"application/json"} | {name.encode(): value for name, value in headers.items()}
    for path in ("/api/v1/jobs", "/api/v1/jobs/batch"):
        check(await api.client.post(path, content=body, headers=list(named.items())))


@SETTINGS
@given(items=st.lists(st.one_of(SAID, VALUES), max_size=4), key=st.one_of(st.none(), st.text(max_size=3)))
async def test_any_batch_in_either_form(api: Api, items: list[Any], key: str | None) -> None:
    headers = [] if key is None else [(b"idempotency-key", key.encode())]
    for kind, body in (
        (b"application/json", json.dumps({"jobs": items})),
        (b"application/x-ndjson", "\n".join(json.dumps(item) for item in items)),
    ):
        reply = await api.client.post("/api/v1/jobs/batch", content=body, headers=[(b"content-type", kind), *headers])
        check(reply)


@SETTINGS
@given(query=QUERIES)
async def test_any_question(api: Api, query: dict[str, str]) -> None:
    for path in ("/jobs", "/dead-letters", "/queues"):
        check(await api.client.get(f"/api/v1{path}", params=query))


@SETTINGS
@given(text=st.text(max_size=20), body=BODIES)
async def test_any_act_on_anything(api: Api, text: str, body: bytes) -> None:
    named = quote(text, safe="")
    for path in (f"jobs/{named}", f"jobs/{named}/cancel", f"dead-letters/{named}/replay", f"queues/{named}", named):
        check(await api.client.get(f"/api/v1/{path}"))
        check(await api.client.post(f"/api/v1/{path}", content=body, headers={"content-type": "application/json"}))
        check(await api.client.patch(f"/api/v1/{path}", content=body, headers={"content-type": "application/json"}))


@SETTINGS
@given(
    said=st.fixed_dictionaries(
        {
            "outcome": st.one_of(st.sampled_from(["happened", "did_not_happen", "failed"]), VALUES),
            "reason": st.one_of(TEXTS, VALUES),
            "seen_version": st.one_of(st.just(1), NUMBERS, VALUES),
        },
        optional={"result": VALUES, "complete": st.one_of(st.booleans(), VALUES)},
    ),
    key=st.one_of(st.none(), st.text("ab", min_size=1, max_size=1)),
)
async def test_any_settle(api: Api, said: dict[str, Any], key: str | None) -> None:
    job_id = await in_doubt(api.connection)
    headers = {} if key is None else {"idempotency_key": key}
    check(await api.send(f"/jobs/{job_id}/settle", json.dumps(said), **headers))
    check(await api.get(f"/jobs/{job_id}"))
    for table in ("ready", "parked"):
        await api.connection.execute(f"delete from easyflow.{table}")


@SETTINGS
@given(said=st.dictionaries(st.sampled_from(["reason", "seen_version", "payload", "paused", "concurrency"]), VALUES))
async def test_any_act_on_a_failed_job(api: Api, said: dict[str, Any]) -> None:
    job_id = await run_through(api.connection, FAILED)
    for path in (f"/dead-letters/{job_id}/discard", f"/dead-letters/{job_id}/replay", f"/jobs/{job_id}/run-now"):
        check(await api.send(path, json.dumps(said)))
    await api.connection.execute("delete from easyflow.ready")
    check(
        await api.client.patch(
            "/api/v1/queues/letters", content=json.dumps(said), headers={"content-type": "application/json"}
        )
    )
