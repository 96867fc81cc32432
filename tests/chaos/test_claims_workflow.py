"""Claims, over HTTP alone, while every process is killed once in every phase: the totals are those of a quiet day."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from easyflow.client import AsyncClient, RunFailed
from easyflow.client.run_models import RunDetail, RunStep
from easyflow.domain.workflow.states import RunState, StepState
from easyflow.local.postgres import LocalPostgres
from easyflow.storage.conservation import check_data
from tests.support.api_process import ApiProcess
from tests.support.effects import RecorderProcess
from tests.support.lab_tasks import RECORDER
from tests.support.site import Site
from tests.support.waiting import until
from tests.support.worker import Worker, end_worker, start_worker, until_gone

# A hundred thousand when it is asked for: EASYFLOW_TEST_CLAIMS=100000.
CLAIMS = int(os.environ.get("EASYFLOW_TEST_CLAIMS", "6000"))
PATIENCE_SECONDS = 60 + CLAIMS / 500
BAD = CLAIMS // 100
TOTAL = sum(0 if n % 100 == 99 else 100 + n % 7 for n in range(CLAIMS))
BANK_SECONDS = 1.0
MONEY = {"amount": "${steps.parse.result}", "pause": BANK_SECONDS}

WORKFLOW: dict[str, Any] = {
    "name": "claims",
    "input_schema": {"type": "object", "required": ["claims"], "properties": {"claims": {"type": "integer"}}},
    "steps": [
        {"name": "parse", "task": "claims.parse", "input": {"claims": "${input.claims}", "pause": 0.3}},
        {
            "name": "check",
            "task": "claims.check",
            "needs": ["parse"],
            "map": {"items_of": "parse", "batch_size": 50, "concurrency": 8, "tolerated_percent": 2},
        },
        {
            "name": "reserve",
            "task": "claims.reserve",
            "needs": ["check"],
            "input": MONEY,
            "compensate_with": {"task": "claims.release", "input": MONEY},
        },
        {"name": "approve", "needs": ["reserve"], "wait_for_signal": {"signal": "approve"}},
        {"name": "pay", "task": "claims.pay", "needs": ["approve"], "when": "steps.approve.result.ok", "input": MONEY},
        {"name": "refuse", "needs": ["approve"], "when": "!steps.approve.result.ok", "fail": {"reason": "refused"}},
    ],
    "output": {"paid": "${steps.parse.result}", "right": "${steps.check.result.succeeded}"},
}


@dataclass
class Office:
    """Everything that runs, and who is killed."""

    site: Site
    server: LocalPostgres
    api: ApiProcess
    recorder: RecorderProcess
    worker: Worker
    client: AsyncClient
    pids: set[int] = field(default_factory=set)

    def hire(self) -> Worker:
        """Start a worker."""
        return start_worker(self.site.url, self.site.trace, modules=["tests.support.claims_tasks"], concurrency=8)

    async def kill_everyone(self) -> None:
        """Kill an executor, the supervisor, the API and PostgreSQL, one behind the other, and start them again."""
        self.pids |= {self.worker.pid, *self.worker.executors()}
        for pid in self.worker.executors()[:1]:
            os.kill(pid, signal.SIGKILL)
        self.worker.process.kill()
        self.worker.ended()
        self.worker = self.hire()
        self.server.kill()
        assert self.server.restart_if_dead()
        await self.api.kill()
        await self.api.start()
        await self.site.reconnect()

    async def until_step(self, run_id: str, name: str, reached: Callable[[RunStep], bool]) -> None:
        """Wait until a step of a run is so far."""
        seen: RunDetail | None = None

        async def there() -> bool:
            nonlocal seen
            seen = await self.client.get_run(run_id)
            return reached(next(step for step in seen.steps if step.name == name))

        await until(PATIENCE_SECONDS, there, lambda: f"{name}: {seen}\n{self.worker.told()}")

    async def until_booked(self, name: str, times: int) -> None:
        """Wait until the bank has been asked for it so often: the answer is still on its way."""

        async def asked() -> bool:
            return len({each.key for each in self.recorder.history() if each.name == name}) == times

        await until(PATIENCE_SECONDS, asked, lambda: f"{name} was not asked for {times} times\n{self.worker.told()}")


@asynccontextmanager
async def open_office(site: Site, server: LocalPostgres, folder: Path) -> AsyncIterator[Office]:
    """Start the bank, the API and a worker; nothing of them is left at the end."""
    recorder = RecorderProcess(folder / "bank.jsonl")
    recorder.start()
    api = ApiProcess(site.url, folder / "api.log")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(RECORDER, recorder.url)
        await api.start()
        async with AsyncClient(api.url) as client:
            worker = start_worker(site.url, site.trace, modules=["tests.support.claims_tasks"], concurrency=8)
            office = Office(site, server, api, recorder, worker, client)
            try:
                worker.until_ready()
                yield office
            finally:
                end_worker(office.worker)
                await api.kill()
                recorder.close()
                until_gone(list(office.pids))


Struck = Callable[[], Awaitable[None]]


async def through(office: Office, *, ok: bool, strike: Struck, reserved: int) -> RunDetail:
    """Take one run from its start to its end, striking in every phase."""
    run = await office.client.start_run("claims", {"claims": CLAIMS}, idempotency_key=f"file {ok}")
    await office.until_step(run.id, "parse", lambda step: step.state is StepState.RUNNING)
    await strike()
    await office.until_step(run.id, "check", lambda step: step.items is not None and step.items.succeeded > 0)
    await strike()
    await office.until_booked("reserve", reserved)
    await strike()
    await office.until_step(run.id, "approve", lambda step: step.state is StepState.WAITING)
    await strike()
    await office.client.signal_run(run.id, "approve", {"ok": ok})
    await office.until_booked("pay" if ok else "release", 1)
    await strike()
    with suppress(RunFailed):  # as it shall, when it is refused
        await office.client.wait_run(run.id, timeout=PATIENCE_SECONDS)
    return await office.client.get_run(run.id)


@pytest.mark.timeout(60 + 6 * PATIENCE_SECONDS)
async def test_claims_come_out_exactly_whoever_is_killed_in_whatever_phase(
    own_server: LocalPostgres, own_site: Site, tmp_path: Path
) -> None:
    async with open_office(own_site, own_server, tmp_path) as office:
        await until(
            30,
            lambda: own_site.connection.fetchval("select count(*) = 5 from easyflow.tasks where name like 'claims.%'"),
        )
        await office.client.register_workflow(WORKFLOW)
        paid = await through(office, ok=True, strike=office.kill_everyone, reserved=1)
        refused = await through(office, ok=False, strike=office.kill_everyone, reserved=2)
        assert (paid.state, paid.output) == (RunState.SUCCEEDED, {"paid": TOTAL, "right": CLAIMS - BAD})
        assert (refused.state, refused.compensated) == (RunState.FAILED, True)
        for run in (paid, refused):
            check = next(step for step in run.steps if step.name == "check")
            assert check.items is not None
            assert (check.items.total, check.items.succeeded, check.items.failed) == (CLAIMS, CLAIMS - BAD, BAD)
        happened = office.recorder.times_performed()
        assert set(happened.values()) == {1}
        booked = [each.name for each in office.recorder.history() if each.verdict == "performed"]
        assert sorted(booked) == ["pay", "release", "reserve", "reserve"]
    assert (await check_data(own_site.connection, at_rest=True)).breaches == []
