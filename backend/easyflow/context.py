"""What a handler sees of the attempt it runs in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from easyflow.errors import Misconfigured

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


class Progress(NamedTuple):
    """How far a handler says it is."""

    done: int
    total: int | None
    note: str | None


class Context:
    """One attempt of one job, as its handler sees it; a handler never keeps it longer than it runs."""

    __slots__ = (
        "_cancelled",
        "_log",
        "_progress",
        "_session",
        "attempt",
        "job_id",
        "lease_no",
        "queue",
        "retry_count",
        "state",
        "task",
    )

    def __init__(
        self,
        *,
        job_id: UUID,
        task: str,
        queue: str,
        lease_no: int,
        retry_count: int,
        state: SimpleNamespace,
        session: AsyncSession | None = None,
    ) -> None:
        """Made by the engine; `state` holds what the lifespans opened."""
        self.job_id = job_id
        self.task = task
        self.queue = queue
        self.lease_no = lease_no
        self.retry_count = retry_count
        self.attempt = retry_count + 1
        self.state = state
        self._session = session
        self._cancelled = False
        self._progress: Progress | None = None
        self._log: Any = None

    @property
    def session(self) -> AsyncSession:
        """The transaction that commits together with this job's completion, or not at all.

        Only for tasks with `effects="transactional"`; it begins with its first statement. Do not commit it: EasyFlow
        does, behind its fence. A stale attempt's transaction is rolled back entirely.
        """
        if self._session is None:
            raise Misconfigured(f"task {self.task} has no ctx.session: declare effects='transactional'")
        return self._session

    @property
    def log(self) -> Any:
        """A structured logger that names this job on every line."""
        if self._log is None:
            import structlog

            self._log = structlog.get_logger("easyflow.task").bind(
                job_id=str(self.job_id), task=self.task, attempt=self.attempt
            )
        return self._log

    @property
    def cancelled(self) -> bool:
        """Whether this attempt was asked to stop; a synchronous handler looks here, an async one is cancelled."""
        return self._cancelled

    def progress(self, done: int, total: int | None = None, note: str | None = None) -> None:
        """Say how far the work is; shown with the job. Cheap: only the last word of each second is stored."""
        self._progress = Progress(done, total, note)
