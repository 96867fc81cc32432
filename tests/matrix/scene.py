"""One scene of the matrix: jobs of every class, a fault at one point, and what is right afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from easyflow.failpoints import Point
from easyflow.storage import effects, in_doubt
from tests.matrix.combinations import Combination
from tests.support.effects import RecorderProcess
from tests.support.faults import Faults, faults
from tests.support.lab_tasks import CLASSES, OUTSIDE, RECORDER
from tests.support.site import Site, job
from tests.support.waiting import until
from tests.support.worker import Worker, end_worker, start_worker

LEASE_SECONDS = 1.0
IMPATIENT = {
    "lease_seconds": LEASE_SECONDS,
    "renew_seconds": 0.3,
    "drain_grace_seconds": 0.3,
    "kill_grace_seconds": 0.3,
    "loss_limit": 50,
    "unstarted_limit": 50,
}
# How long jobs are under way, so that a fault at a point that no job is at meets them there.
UNDER_WAY = {Point.P0: 2.0, Point.P1: 2.0, Point.P11: 2.0, Point.P12: 2.0}
ENDED = ("SUCCEEDED", "IN_DOUBT", "FAILED", "CANCELLED")


@dataclass(slots=True)
class Told:
    """What came of one combination, for the report."""

    combination: Combination
    ended: str
    attempts: int
    performed: int
    seconds: float


@dataclass(slots=True)
class Scene:
    """Two workers, of which the fault may strike any process, and one job of each class that can be struck here."""

    site: Site
    recorder: RecorderProcess
    folder: Path
    point: Point
    action: str
    workers: list[Worker] = field(default_factory=list)
    woken: set[tuple[int, float]] = field(default_factory=set)

    async def play(self) -> list[Told]:
        """Let it happen to one job after the other, or, where it strikes no job, while all are under way."""
        possible = [
            one for one in (Combination(self.point, self.action, each) for each in CLASSES) if not one.impossible
        ]
        jobs = {one: uuid7() for one in possible}
        ordered = faults(self.folder, *self._rules(jobs))
        self.workers = [self._start(ordered), self._start(ordered)]
        try:
            for worker in self.workers:
                await asyncio.to_thread(worker.until_ready)
            if self.point in UNDER_WAY:
                return await self._strike(jobs, ordered)
            return [row for one, job_id in jobs.items() for row in await self._strike({one: job_id}, ordered)]
        finally:
            self._end()

    async def _strike(self, jobs: dict[Combination, UUID], ordered: Faults) -> list[Told]:
        """Submit jobs, wait until nothing moves any more, settle what is in doubt by the truth, and check."""
        began = time.monotonic()
        seconds = UNDER_WAY.get(self.point, 0.0)
        await self.site.submit_all(
            job(f"lab.{one.effects}", {"seconds": seconds}, id=job_id) for one, job_id in jobs.items()
        )
        if self.point in UNDER_WAY:
            await self._until_acting(jobs)
            (ordered.folder / "begun").touch()
        if self.point is Point.P12:
            self.workers[0].send(signal.SIGTERM)
        await self._until_quiet(jobs, ordered)
        states = await self.site.states(jobs.values())
        await self._settle_by_the_truth(states)
        await self._until_quiet(jobs, ordered)
        return [await self._checked(one, job_id, states[job_id], ordered, began) for one, job_id in jobs.items()]

    def _rules(self, jobs: dict[Combination, UUID]) -> list[str]:
        action = "delay=0.5" if self.action == "delay" else self.action
        if self.point in UNDER_WAY:
            return [f"{self.point.name}:{action}/after=begun/once"]
        return [f"{self.point.name}:{action}/job={job_id}/once" for job_id in jobs.values()]

    def _start(self, ordered: Faults) -> Worker:
        os.environ[RECORDER] = self.recorder.url
        return start_worker(
            self.site.url,
            self.site.trace,
            modules=("tests.support.lab_tasks",),
            executors=1,
            concurrency=8,
            **{**IMPATIENT, **ordered.settings},
        )

    async def _until_acting(self, jobs: dict[Combination, UUID]) -> None:
        """Wait until those with an effect outside are in the middle of it."""
        outside = [job_id for one, job_id in jobs.items() if one.effects in OUTSIDE]

        async def acting() -> bool:
            return all(self.recorder.history(job_id) for job_id in outside)

        await until(20, acting, lambda: "the effects did not begin")

    async def _until_quiet(self, jobs: dict[Combination, UUID], ordered: Faults) -> None:
        """Wait until every job has ended or is in doubt, and the fault has struck; a stopped process is woken late."""

        async def quiet() -> bool:
            self._wake_the_stopped(ordered)
            self._replace_the_dead()
            found = await self.site.states(jobs.values())
            return len(found) == len(jobs) and all(state in ENDED for state in found.values())

        await until(45, quiet, lambda: "\n".join(worker.told() for worker in self.workers))

    def _wake_the_stopped(self, ordered: Faults) -> None:
        """Let a stopped process go on three leases later, together with its supervisor, which would have killed it."""
        for strike in ordered.strikes():
            if strike.action != "stop" or (strike.pid, strike.at) in self.woken:
                continue
            family = [strike.pid, *(worker.pid for worker in self.workers if strike.pid in worker.executors())]
            late = time.time() - strike.at > 3 * LEASE_SECONDS
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT if late else signal.SIGSTOP)
            if late:
                self.woken.add((strike.pid, strike.at))

    def _replace_the_dead(self) -> None:
        """Start another worker in the place of one whose supervisor the fault has ended, as whoever runs it would."""
        for n, worker in enumerate(self.workers):
            if worker.process.poll() is not None:
                self.workers[n] = self._start(faults(self.folder / "unharmed"))

    async def _settle_by_the_truth(self, states: dict[UUID, str]) -> None:
        """Do what an operator does who has asked the receiver."""
        for job_id, state in states.items():
            if state != "IN_DOUBT":
                continue
            performed = [each for each in self.recorder.history(job_id) if each.verdict == "performed"]
            version = (await self.site.ticket(job_id))["lease_no"]
            said: dict[str, Any] = {"outcome": "did_not_happen"}
            if performed:
                said = {"outcome": "happened", "result": str(performed[0].receipt)}
            async with self.site.connection.transaction():
                await in_doubt.settle(
                    self.site.connection, job_id, seen_version=version, reason="asked", actor="operator", **said
                )

    async def _checked(self, one: Combination, job_id: UUID, state: str, ordered: Faults, began: float) -> Told:
        """Hold what was promised against what happened; raises AssertionError."""
        seconds = time.monotonic() - began

        async def struck() -> bool:
            # At the last points a job has ended before its fault is written down.
            return any(self.point in UNDER_WAY or job_id in s.jobs for s in ordered.strikes(self.point))

        await until(5, struck, lambda: f"{one}: a fault that never struck proves nothing")
        performed = [each for each in self.recorder.history(job_id) if each.verdict == "performed"]
        rows = await self.site.connection.fetchval("select count(*) from public.effects where job_id = $1", job_id)
        assert state == "SUCCEEDED" or (state == "IN_DOUBT" and one.effects == "unsafe"), f"{one}: {state}"
        last = (await self.site.states([job_id]))[job_id]
        assert last == "SUCCEEDED", f"{one}: {last} {[dict(row) for row in await self.site.attempts(job_id)]}"
        assert len(performed) == (1 if one.effects in OUTSIDE else 0), f"{one}: performed {len(performed)} times"
        assert rows == (1 if one.effects == "transactional" else 0), f"{one}: {rows} rows"
        outcomes = await self.site.outcomes(job_id)
        assert outcomes.count("succeeded") == 1, f"{one}: {outcomes}"
        assert all(row["state"] != "open" for row in await effects.read(self.site.connection, [job_id])), one
        return Told(one, state, len(outcomes), len(performed), seconds)

    def _end(self) -> None:
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGCONT)
            if worker.process.poll() is None:
                end_worker(worker)
