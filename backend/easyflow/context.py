"""What a handler sees of the attempt it runs in."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import UUID

from easyflow.errors import Misconfigured

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


class Progress(NamedTuple):
    """How far a handler says it is."""

    done: int
    total: int | None
    note: str | None


class Effect(NamedTuple):
    """One effect, as `reconcile` is asked about it; `fence` is the number of the claim that asks."""

    name: str
    key: str
    fence: int


class Ledger(Protocol):
    """Where a context has effects done; the engine's own."""

    def perform(
        self,
        context: Context,
        name: str,
        call: Callable[[str], Any],
        *,
        request: Any,
        effects: str | None,
        returns: Any,
        reconcile: Callable[[Context, Effect], Any] | None,
    ) -> Any:
        """Do one effect; see `Context.effect`."""


class Context:
    """One attempt of one job, as its handler sees it; a handler never keeps it longer than it runs."""

    __slots__ = (
        "_cancelled",
        "_ledger",
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
        ledger: Callable[[], Ledger] | None = None,
    ) -> None:
        """Made by the engine; `state` holds what the lifespans opened, `ledger` begins the effect ledger."""
        self.job_id = job_id
        self.task = task
        self.queue = queue
        self.lease_no = lease_no
        self.retry_count = retry_count
        self.attempt = retry_count + 1
        self.state = state
        self._session = session
        self._ledger = ledger
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

    def effect(
        self,
        name: str,
        call: Callable[[str], Any],
        *,
        request: Any = None,
        effects: str | None = None,
        returns: Any = None,
        reconcile: Callable[[Context, Effect], Any] | None = None,
    ) -> Any:
        """Do something outside, at most once as far as anybody can know: `await ctx.effect("charge", lambda key: ...)`.

        The intent is committed before `call(key)` runs and its result after it; in a handler that is not async nothing
        is awaited and the result is returned. `key` is the idempotency key for the receiver: the same for the same
        request in every attempt and replay (`ctx.lease_no` is the number to fence with). A re-run gets the recorded
        result instead of a second call, both times as plain JSON, or as `returns` (a pydantic model, a dataclass).
        `request` (JSON) is what identifies the request, by default the job's payload: another one at the same place
        sets the job aside IN_DOUBT. `effects` and `reconcile` stand in for what the task declares.
        An exception that proves that nothing happened closes the effect: `DidNotHappen`, and at its first call also a
        refused connection or a status from 400 to 499 but 408 and 409. Any other leaves its outcome unknown: by its
        class it is then repeated with the same key, looked up, or waits IN_DOUBT for a person.
        Raises Misconfigured for a class that has no such effects, LostClaim when the job is another's now, and
        EffectInDoubt when a person must decide.
        """
        if self._ledger is None:
            raise Misconfigured(f"task {self.task} has no effect ledger here")
        return self._ledger().perform(
            self, name, call, request=request, effects=effects, returns=returns, reconcile=reconcile
        )

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
