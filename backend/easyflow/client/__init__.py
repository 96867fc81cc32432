"""Submitting and following jobs and runs from other programs, over HTTP: `Client`, and `AsyncClient` for asyncio."""

from __future__ import annotations

from easyflow.client.asynchronous import AsyncClient
from easyflow.client.blocking import Client
from easyflow.client.errors import JobFailed, Refused, RunFailed, RunTimedOut, TimedOut, Unauthorized, Unavailable
from easyflow.client.models import (
    Attempt,
    AttemptError,
    DeadLetter,
    DeadLetterDetail,
    Effect,
    InDoubt,
    Job,
    JobDetail,
    LastError,
    Progress,
    Submitted,
)
from easyflow.client.options import DeadLetterFilters, JobFilters, JobOptions, NewJob, RunFilters, RunOptions
from easyflow.client.run_models import (
    RegisteredWorkflow,
    Run,
    RunDetail,
    RunItem,
    RunStep,
    StartedRun,
    StepCompensation,
    StepItems,
    StepJob,
)

__all__ = [
    "AsyncClient",
    "Attempt",
    "AttemptError",
    "Client",
    "DeadLetter",
    "DeadLetterDetail",
    "DeadLetterFilters",
    "Effect",
    "InDoubt",
    "Job",
    "JobDetail",
    "JobFailed",
    "JobFilters",
    "JobOptions",
    "LastError",
    "NewJob",
    "Progress",
    "Refused",
    "RegisteredWorkflow",
    "Run",
    "RunDetail",
    "RunFailed",
    "RunFilters",
    "RunItem",
    "RunOptions",
    "RunStep",
    "RunTimedOut",
    "StartedRun",
    "StepCompensation",
    "StepItems",
    "StepJob",
    "Submitted",
    "TimedOut",
    "Unauthorized",
    "Unavailable",
]
