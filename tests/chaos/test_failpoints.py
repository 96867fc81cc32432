"""Faults strike real workers where they are ordered to, and nothing is lost or done twice by it."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from easyflow.failpoints import Point
from tests.support.effects import running_recorder
from tests.support.faults import Faults, faults
from tests.support.lab_tasks import RECORDER
from tests.support.site import Site, job, open_site
from tests.support.worker import Worker, running_worker, start_worker

OF_EFFECTS = {Point.P4, Point.P5, Point.P6, Point.P7}
OF_EVERY_JOB = set(Point) - OF_EFFECTS


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """A database of one test's own, without a worker."""
    async with open_site(database_url, tmp_path) as opened:
        yield opened


@contextmanager
def worker_under(site: Site, ordered: Faults, modules: str = "tests.support.tasks") -> Iterator[Worker]:
    """A worker with one executor that these faults may strike."""
    patience = {"lease_seconds": 2, "renew_seconds": 0.5}
    with running_worker(
        site.url, site.trace, executors=1, modules=[modules], **patience, **ordered.settings
    ) as running:
        yield running


@pytest.mark.parametrize("task", ["test.pure", "test.write", "test.process"])
async def test_a_job_passes_every_point_on_its_way(site: Site, tmp_path: Path, task: str) -> None:
    ordered = faults(tmp_path, *(f"{point.name}:note" for point in OF_EVERY_JOB))
    with worker_under(site, ordered) as worker:
        job_id = await site.submit(task)
        assert await site.until_ended(job_id) == ["SUCCEEDED"]
        worker.send(signal.SIGTERM)
        assert worker.ended() == 0
    assert {each.point for each in ordered.strikes()} == {point.name for point in OF_EVERY_JOB}
    of_job = [each.point for each in ordered.strikes() if job_id in each.jobs]
    assert of_job == ["P2", "P3", "P8", "P9", "P10"]


async def test_a_job_with_an_effect_passes_the_points_of_the_ledger_too(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered = faults(tmp_path, *(f"{point.name}:note/task=lab.keyed" for point in Point))
    with running_recorder(tmp_path) as recorder:
        monkeypatch.setenv(RECORDER, recorder.url)
        with worker_under(site, ordered, "tests.support.lab_tasks"):
            job_id = await site.submit("lab.keyed")
            assert await site.until_ended(job_id) == ["SUCCEEDED"]
    of_job = [each.point for each in ordered.strikes() if job_id in each.jobs]
    assert of_job == ["P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10"]


@pytest.mark.parametrize(
    ("point", "task"),
    [
        (Point.P2, "test.pure"),
        (Point.P3, "test.write"),
        (Point.P8, "test.pure"),
        (Point.P9, "test.write"),
        (Point.P10, "test.pure"),
    ],
)
async def test_an_executor_that_dies_at_a_point_of_a_job_leaves_it_done_once(
    site: Site, tmp_path: Path, point: Point, task: str
) -> None:
    struck = job(task, id=uuid7())
    ordered = faults(tmp_path, f"{point.name}:kill/job={struck.id}/once")
    with worker_under(site, ordered) as worker:
        ids = await site.submit_all([struck, job(task), job(task)])
        assert await site.until_ended(*ids, seconds=30) == ["SUCCEEDED"] * 3
        worker.until_said("executor.died")
    (strike,) = ordered.strikes()
    assert (strike.point, strike.action, struck.id in strike.jobs) == (point.name, "kill", True)
    await assert_done_once(site, ids)


async def test_connections_that_break_at_each_point_of_a_job_leave_each_job_done_once(
    site: Site, tmp_path: Path
) -> None:
    points = [Point.P2, Point.P8, Point.P9, Point.P10]
    struck = [(point, job(task, id=uuid7())) for point in points for task in ("test.pure", "test.write")]
    ordered = faults(tmp_path, "P1:drop@2", *(f"{point.name}:drop@1/job={each.id}/once" for point, each in struck))
    with worker_under(site, ordered) as worker:
        for _, each in struck:
            await site.submit_all([each])
            assert await site.until_ended(each.id, seconds=20) == ["SUCCEEDED"]
        assert worker.said("executor.died") == []
    assert len(ordered.strikes(Point.P1)) == 1
    of_jobs = [each.point for each in ordered.strikes() if each.point != "P1"]
    assert of_jobs == [point.name for point, _ in struck]
    await assert_done_once(site, [each.id for _, each in struck])


async def test_a_supervisor_that_dies_with_its_heartbeat_in_flight_loses_no_job(site: Site, tmp_path: Path) -> None:
    ordered = faults(tmp_path, "P11:kill@4")
    doomed = start_worker(site.url, site.trace, executors=1, lease_seconds=2, renew_seconds=0.5, **ordered.settings)
    ids = await site.submit_all(job("test.write", {"seconds": 0.3}) for _ in range(40))
    assert doomed.ended() == -signal.SIGKILL
    (strike,) = ordered.strikes()
    assert (strike.point, strike.pid) == ("P11", doomed.pid)
    with running_worker(site.url, site.trace, executors=1, lease_seconds=2, renew_seconds=0.5):
        assert await site.until_ended(*ids, seconds=30) == ["SUCCEEDED"] * 40
    await assert_done_once(site, ids)
    assert await site.effects() == 40


async def assert_done_once(site: Site, ids: list[UUID]) -> None:
    """Each job was completed once, and no row was written twice."""
    for job_id in ids:
        assert (await site.outcomes(job_id)).count("succeeded") == 1
    assert set((await site.effects_of_each()).values()) <= {1}
    await site.assert_conserved()
