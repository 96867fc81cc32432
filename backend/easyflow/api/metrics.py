"""What Prometheus reads of this process and, through it, of the database; every application has its own registry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

import asyncpg
from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from easyflow.errors import StorageUnavailable
from easyflow.storage import gauges
from easyflow.storage.database import Pool, acquired

MOST_QUEUES = 200
# No queue can be called so: names have no brackets.
OTHER_QUEUES = "(other)"
READING_SECONDS = 2.0
ACQUIRE_SECONDS = 2.0
FRESH_SECONDS = 5.0
# So much longer than it took is a reading kept: the counts of a full database get a tenth of one connection at most.
REST = 10.0

# Unknown addresses, and whatever was refused before a route was found.
OTHER_ROUTES = "(other)"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Fine where a submit is (2 to 50 ms) and around the promises of lists (100, 150, 250 ms); coarse up to the longest
# ?wait_seconds, which is 60.
BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 65.0)


class Metrics:
    """The registry of one application."""

    def __init__(self, streams: Callable[[], int]) -> None:
        """Begin to count; `streams` tells how many live streams are open."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "easyflow_http_requests",
            "Requests answered, by route template, method and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._duration = Histogram(
            "easyflow_http_request_duration_seconds",
            "From a request's arrival until its answer begins.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self._registry,
        )
        Info("easyflow_build", "The release that runs.", registry=self._registry).info({"version": version("easyflow")})
        self._database = _DatabaseReading(streams)
        self._registry.register(self._database)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer that has just begun."""
        known = method if method in METHODS else "OTHER"
        self._requests.labels(known, route, str(status)).inc()
        self._duration.labels(known, route).observe(seconds)

    async def exposition(self, pool: Pool) -> bytes:
        """Return everything as text; without the database, what this process knows by itself and that it is away."""
        await self._database.refresh(pool)
        return generate_latest(self._registry)


class Measured:
    """Wraps the application and counts what it answers, refusals included."""

    def __init__(self, app: ASGIApp, metrics: Metrics, templates: Mapping[Any, str]) -> None:
        """Count the answers of `app` in `metrics`; `templates` names the path of each endpoint."""
        self._app = app
        self._metrics = metrics
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note when its answer begins."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = self._templates.get(scope.get("endpoint"), OTHER_ROUTES)
                self._metrics.answered(scope["method"], route, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, noted)


class _DatabaseReading(Collector):
    """The latest counts of the database, and whether it answered."""

    def __init__(self, streams: Callable[[], int]) -> None:
        self._streams = streams
        self._turn = asyncio.Lock()
        self._fresh_until = float("-inf")
        self._up = False
        self._counts: gauges.Gauges | None = None

    async def refresh(self, pool: Pool) -> None:
        """Read anew when the last reading is old; several scrapes at once share one."""
        async with self._turn:
            began = time.monotonic()
            if began < self._fresh_until:
                return
            self._up, self._counts = await _read(pool)
            now = time.monotonic()
            self._fresh_until = now + max(FRESH_SECONDS, REST * (now - began))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what is known; counts that were not read are left out, never given as zero."""
        yield _gauge("easyflow_stream_clients", "Live streams that are open in this process.", self._streams())
        yield _gauge("easyflow_database_up", "1 when the database answered this process lately.", self._up)
        yield _gauge(
            "easyflow_database_counted", "1 when the counts below could be made in time.", self._counts is not None
        )
        if self._counts is None:
            return
        yield _gauge(
            "easyflow_dead_letters_open", "Dead letters that wait for a person.", self._counts.dead_letters_open
        )
        yield _gauge("easyflow_workers_live", "Workers with a live executor.", self._counts.workers)
        yield _gauge("easyflow_executors_live", "Executors whose lease runs.", self._counts.executors)
        yield _gauge(
            "easyflow_unsafe_jobs_paused",
            "1 while unsafe jobs are paused because the database went back in time.",
            self._counts.unsafe_paused,
        )
        yield from self._of_queues(self._counts)

    def _of_queues(self, counts: gauges.Gauges) -> Iterator[GaugeMetricFamily]:
        jobs = GaugeMetricFamily(
            "easyflow_jobs",
            "Jobs that have not ended, by queue and whether they are ready, running or parked.",
            labels=("queue", "state"),
        )
        oldest = GaugeMetricFamily(
            "easyflow_queue_oldest_ready_age_seconds",
            "How long the oldest ready job of a queue has been ready.",
            labels=("queue",),
        )
        yield from _of_doubts(counts)
        for row in counts.queues:
            queue = row["queue"] or OTHER_QUEUES
            for state in ("ready", "running", "parked"):
                jobs.add_metric((queue, state), row[state])
            oldest.add_metric((queue,), max(row["oldest_ready_seconds"] or 0.0, 0.0))
        yield jobs
        yield oldest


def _of_doubts(counts: gauges.Gauges) -> Iterator[GaugeMetricFamily]:
    labels = ("queue", "task")
    jobs = GaugeMetricFamily(
        "easyflow_jobs_in_doubt",
        "Jobs that wait for a person to say what happened outside, by queue and task.",
        labels=labels,
    )
    oldest = GaugeMetricFamily(
        "easyflow_jobs_in_doubt_oldest_age_seconds",
        "How long the oldest of them has waited, by queue and task.",
        labels=labels,
    )
    for row in counts.doubts:
        pair = (row["queue"] or OTHER_QUEUES, row["task"] or OTHER_QUEUES)
        jobs.add_metric(pair, row["jobs"])
        oldest.add_metric(pair, max(row["oldest_seconds"], 0.0))
    yield jobs
    yield oldest


async def _read(pool: Pool) -> tuple[bool, gauges.Gauges | None]:
    """Return whether the database answers, and its counts if they were made in time."""
    try:
        async with acquired(pool, ACQUIRE_SECONDS) as connection:
            return True, await gauges.read(connection, max_queues=MOST_QUEUES, seconds=READING_SECONDS)
    except asyncpg.QueryCanceledError:
        return True, None
    except (StorageUnavailable, asyncpg.PostgresError):
        return False, None


def _gauge(name: str, says: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, says, value=float(value))
