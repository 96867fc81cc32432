"""The events of the engine, one function each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
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


def fork_server_died(how: str, wait_seconds: float) -> None:
    """The process that forks for isolated attempts ended without being asked to; those that run go on."""
    _log.warning("fork_server.died", how=how, restart_seconds=wait_seconds)


def task_quarantined(task: str, seconds: float) -> None:
    """A job of this task took down a process in which it was alone; for a while all its jobs run apart."""
    _log.warning("task.quarantined", task=task, seconds=seconds)


def attempts_start_afresh(unshared: Sequence[str]) -> None:
    """Importing the tasks left something that a fork would break, so that each isolated attempt imports them again."""
    _log.warning("fork_server.starts_afresh", because=list(unshared))


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


def timeline_tripped(worker_id: UUID, differences: Sequence[str]) -> None:
    """The database may have gone back in time: jobs that must not be repeated blindly wait for an operator."""
    _log.error("timeline.tripped", worker=str(worker_id), differences=list(differences), next="easyflow timeline show")


def timeline_released(worker_id: UUID) -> None:
    """An operator said what was lost: every task is claimed again."""
    _log.warning("timeline.released", worker=str(worker_id))


def timeline_blind() -> None:
    """The role may not read the system identifier: a restore into another cluster could go unnoticed."""
    _log.warning("timeline.blind", next="grant execute on function pg_control_system() to this worker's role")


def state_folder_unusable(folder: Path, why: Exception) -> None:
    """What this worker is told of the timeline is lost when it ends."""
    _log.warning("state_folder.unusable", folder=str(folder), why=str(why), next="set EASYFLOW_STATE_FOLDER")


def slot_refused(schedule: str, slot: datetime, why: str) -> None:
    """A schedule was due and its run could not be started."""
    _log.warning("slot.refused", schedule=schedule, slot=slot.isoformat(), why=why)


def slots_missed(schedule: str, first: datetime, last: datetime, count: int | None, why: str) -> None:
    """Slots of a schedule passed without a run; `count` is None when there were more than were counted."""
    stretch = {"first": first.isoformat(), "last": last.isoformat(), "slots": count or "many"}
    _log.warning("slots.missed", schedule=schedule, **stretch, why=why, next="easyflow schedules backfill")


def workflow_registered(workflow: str, version: int) -> None:
    """A workflow of a worker's modules has got a new version."""
    _log.info("workflow.registered", workflow=workflow, version=version)


def workflow_refused(workflow: str, why: str, problems: Sequence[str]) -> None:
    """A workflow of a worker's modules does not fit; its earlier versions stay."""
    _log.error("workflow.refused", workflow=workflow, why=why, problems=list(problems))


def loop_failed(loop: str, error: BaseException) -> None:
    """One turn of a loop failed for a reason of its own; the loop goes on."""
    _log.error("loop.failed", loop=loop, exc_info=error)
