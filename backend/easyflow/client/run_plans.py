"""What each operation on workflows and runs asks of the API; see `plans`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote
from uuid import uuid4

from easyflow.client.errors import RunFailed, RunTimedOut
from easyflow.client.models import Page, Stored
from easyflow.client.options import RunFilters, RunOptions
from easyflow.client.plans import Call, Plan, act_call, plain, query_of, understood, watch, written
from easyflow.client.run_models import RegisteredWorkflow, Run, RunDetail, RunItem, StartedRun
from easyflow.domain.workflow.states import RUN_OVER, RunState

ItemState = Literal["SUCCEEDED", "FAILED", "CANCELLED"]


def register_workflow(definition: Mapping[str, Any]) -> Plan[RegisteredWorkflow]:
    """Keep a definition; sent again it is the same version."""
    answer = yield Call("POST", "/workflows", lines=(written(plain(dict(definition), "definition")),))
    return understood(RegisteredWorkflow, answer.content)


def start_run(workflow: str, given: Any, options: RunOptions) -> Plan[StartedRun]:
    """Start one run, at most once however often the call is sent."""
    known = options.get("idempotency_key")
    said = {**options, "workflow": workflow, "idempotency_key": known or str(uuid4())}
    body = {name: value for name, value in said.items() if value is not None}
    body["input"] = plain(given, "input")
    if "tags" in body:
        body["tags"] = list(options["tags"])
    answer = yield Call("POST", "/runs", lines=(written(body),))
    stored = understood(Stored, answer.content)
    return StartedRun(
        id=stored.id,
        existing=answer.status == 200 and known is not None,
        expired=stored.expired,
        run=None if stored.expired else understood(Run, answer.content),
    )


def wait_run(run_id: str, timeout: float | None) -> Plan[RunDetail]:
    """Return the run once it SUCCEEDED; raises RunFailed when it ended otherwise, RunTimedOut when not in time."""
    run = yield from watch(_path(run_id), RunDetail, timeout, lambda seen: seen.state in RUN_OVER)
    if run.state is RunState.SUCCEEDED:
        return run
    raise (RunFailed if run.state in RUN_OVER else RunTimedOut)(run)


def get_run(run_id: str) -> Plan[RunDetail]:
    """Read one run."""
    answer = yield Call("GET", _path(run_id))
    return understood(RunDetail, answer.content)


def run_page(filters: RunFilters, cursor: str | None) -> Plan[Page[Run]]:
    """Read one page of runs."""
    answer = yield Call("GET", "/runs", query_of(filters, cursor))
    return understood(Page[Run], answer.content)


def item_page(run_id: str, step: str, state: ItemState | None, cursor: str | None) -> Plan[Page[RunItem]]:
    """Read one page of the items of a map that have ended."""
    query = {"limit": "500", **({"state": state} if state else {}), **({"cursor": cursor} if cursor else {})}
    answer = yield Call("GET", f"{_path(run_id)}/steps/{quote(step, safe='')}/items", query)
    return understood(Page[RunItem], answer.content)


def cancel_run(run_id: str, reason: str | None, compensate: bool) -> Plan[Run]:
    """Cancel a run, or ask for it."""
    said: dict[str, Any] = {"reason": reason} if reason else {}
    answer = yield act_call(f"{_path(run_id)}/cancel", said | ({} if compensate else {"compensate": False}))
    return understood(Run, answer.content)


def act_on_run(word: Literal["pause", "resume"], run_id: str, reason: str | None) -> Plan[Run]:
    """Pause a run, or let it go on."""
    answer = yield act_call(f"{_path(run_id)}/{word}", {"reason": reason} if reason else {})
    return understood(Run, answer.content)


def signal_run(run_id: str, name: str, value: Any, reason: str | None) -> Plan[Run]:
    """Give a run a signal."""
    said = {"value": plain(value, "value"), **({"reason": reason} if reason else {})}
    answer = yield act_call(f"{_path(run_id)}/signals/{quote(name, safe='')}", said)
    return understood(Run, answer.content)


def _path(run_id: str) -> str:
    return f"/runs/{quote(str(run_id), safe='')}"
