"""The events of the engine, one function each."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

_log = structlog.get_logger("easyflow")


def worker_ready(worker_id: UUID, queues: Sequence[str], tasks: Sequence[str], executors: int) -> None:
    """All executors of a worker have loaded their tasks."""
    _log.info("worker.ready", worker=str(worker_id), queues=list(queues), tasks=len(tasks), executors=executors)


def worker_draining(worker_id: UUID, grace_seconds: float) -> None:
    """A worker stops claiming and lets running jobs finish."""
    _log.info("worker.draining", worker=str(worker_id), grace_seconds=grace_seconds)


def worker_stopped(worker_id: UUID) -> None:
    """A worker has ended in order."""
    _log.info("worker.stopped", worker=str(worker_id))


def executor_died(executor_id: UUID, pid: int, returncode: int | None, started: int) -> None:
    """An executor process ended without being asked to."""
    _log.warning("executor.died", executor=str(executor_id), pid=pid, returncode=returncode, started_jobs=started)


def executor_killed(executor_id: UUID, pid: int, why: str) -> None:
    """The supervisor kills an executor."""
    _log.warning("executor.killed", executor=str(executor_id), pid=pid, why=why)


def jobs_rescued(count: int, failed: int) -> None:
    """Leases were taken back from executors that are gone."""
    _log.info("jobs.rescued", count=count, failed=failed)


def finish_rejected(job_id: UUID, lease_no: int, outcome: str) -> None:
    """A stale attempt tried to end a job that another claim owns now; nothing was changed."""
    _log.warning("job.finish_rejected", job_id=str(job_id), lease_no=lease_no, outcome=outcome)


def ending_unstorable(job_id: UUID, why: str) -> None:
    """PostgreSQL refused one attempt's ending; it ends FAILED with a stub instead."""
    _log.warning("job.ending_unstorable", job_id=str(job_id), why=why)


def database_away(name: str, why: str, retry_seconds: float) -> None:
    """A loop lost the database and tries again."""
    _log.warning("database.away", connection=name, why=why, retry_seconds=retry_seconds)


def database_lost(name: str, why: str) -> None:
    """A call did not end cleanly; its connection is thrown away."""
    _log.warning("database.lost", connection=name, why=why)


def claim_handed_back(executor_id: UUID, jobs: int) -> None:
    """What a claim took whose reply was lost went back."""
    _log.info("claim.handed_back", executor=str(executor_id), jobs=jobs)


def loop_failed(loop: str, error: BaseException) -> None:
    """One turn of a loop failed for a reason of its own; the loop goes on."""
    _log.error("loop.failed", loop=loop, exc_info=error)
