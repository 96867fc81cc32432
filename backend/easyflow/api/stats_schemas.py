"""The replies about everything at once: the overview, and what a search box finds."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from easyflow.api.schemas import QueueDepth, Shape, Total
from easyflow.domain.states import State


class StateCount(Total):
    """How many jobs are in a state."""

    state: State


class Fleet(Shape):
    """Workers that live, that drain, and that said nothing for longer than a lease, though not for an hour.

    `running` is counted up to 10,000.
    """

    live: int
    draining: int
    silent: int
    executors: int
    running: int


class Bucket(Shape):
    """Jobs that ended in the minute that begins at `at`."""

    at: datetime
    succeeded: int
    failed: int
    cancelled: int


class Throughput(Shape):
    """Jobs that ended, minute by minute, oldest first and without gaps; the last minute still runs."""

    bucket_seconds: Literal[60]
    buckets: list[Bucket]


class Cause(Shape):
    """Open dead letters of one task that failed alike; `message` is that of the newest of them, `sample_job_id`.

    Counted among the newest 10,000 open dead letters; `kind` is capped when there are more.
    """

    task: str
    error_type: str | None
    error_code: str | None
    message: str | None
    count: int
    kind: Literal["exact", "capped"]
    first_failed_at: datetime
    last_failed_at: datetime
    sample_job_id: str


GuardState = Literal["unwatched", "watching", "tripped", "releasing"]


class Whereabouts(Shape):
    """Where a database is, or was: its cluster, the cluster's timeline, its own oid, and how far its log was flushed.

    What the role may not read is null.
    """

    system_identifier: str | None
    timeline_id: int | None
    database_oid: int
    commit_counter: str | None


class Timeline(Shape):
    """The timeline guard. While it is `tripped` or `releasing`, unsafe jobs are not claimed.

    `unwatched` before any worker came; `blind` when no worker may read the system identifier. A release waits until
    `running` jobs, claimed before, have ended (at most 1,000 are counted).
    """

    state: GuardState
    version: int | None
    blind: bool
    standby: bool
    differences: list[str]
    tripped_at: datetime | None
    tripped_by: str | None
    lost_from: datetime | None
    lost_until: datetime | None
    reason: str | None
    released_by: str | None
    released_at: datetime | None
    parked: int
    running: int
    watched_since: datetime | None
    seen_at: datetime | None
    kept: Whereabouts | None
    found: Whereabouts


class GuardNotice(Shape):
    """Whether unsafe jobs are paused (`tripped`, `releasing`), since when and why."""

    state: GuardState
    since: datetime | None
    differences: list[str]


class Overview(Shape):
    """What goes on, in one picture taken at `at`; the first 500 queues by name, the ten most frequent causes."""

    at: datetime
    states: list[StateCount]
    dead_letters_open: Total
    queues: list[QueueDepth]
    workers: Fleet
    throughput: Throughput
    failures: list[Cause]
    timeline: GuardNotice


class Found(Shape):
    """Something a search found; `state` is that of a job, a run, a dead letter or a worker."""

    kind: Literal["job", "run", "dead_letter", "queue", "task", "workflow", "worker"]
    id: str
    label: str
    state: str | None
