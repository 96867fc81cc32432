"""What a handler sees of the attempt it runs in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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


class Emission(Protocol):
    """Where a context hands items over; the engine's own."""

    def emit(self, context: Context, items: Iterable[Any]) -> Any:
        """Hand items over; see `Context.emit`."""


class Context:
    """One attempt of one job, as its handler sees it; a handler never keeps it longer than it runs."""

    __slots__ = (
        "_cancelled",
        "_emission",
        "_failed_items",
        "_ledger",
        "_log",
        "_progress",
        "_session",
        "attempt",
        "items",
        "job_id",
        "lease_no",
        "queue",
        "retry_count",
        "run_id",
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
        run_id: UUID | None = None,
        items: int | None = None,
        emission: Callable[[], Emission] | None = None,
    ) -> None:
        """Made by the engine; `state` holds what the lifespans opened, `ledger` begins the effect ledger.

        `run_id` is the run the job belongs to, None for a job of no run; `items` how many items of a map it holds,
        None for a job of no map; `emission` begins what it hands over.
        """
        self.job_id = job_id
        self.task = task
        self.queue = queue
        self.lease_no = lease_no
        self.retry_count = retry_count
        self.attempt = retry_count + 1
        self.state = state
        self._session = session
        self.run_id = run_id
        self.items = items
        self._ledger = ledger
        self._emission = emission
        self._failed_items: dict[int, str] | None = None
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

    def emit(self, items: Iterable[Any]) -> Any:
        """Hand items over to the map that goes over this step (`items_of`): `await ctx.emit([...])`, many times over.

        Items are JSON values or pydantic models, and the map goes over them in this order: at most 64 KiB each, and
        10,000 in a call, so that no more than those need be in memory. They are kept when this returns; in a handler
        that is not async nothing is awaited. The map sees what the attempt that SUCCEEDED has emitted, and nothing of
        others: an attempt that runs again begins with its first item. In a transactional task they are part of
        `ctx.session`'s transaction, so that they commit with the completion, and a savepoint takes them back.
        Raises Invalid and TooLarge for what cannot be kept, naming the place, and nothing of that call is;
        Misconfigured in a job of no run and in a job of a map; LostClaim when the job is another's now. A handler that
        returns although items are not known to be kept, as a call was not awaited or failed, does not succeed
        (ItemsOpen).
        """
        if self._emission is None:
            raise Misconfigured(f"task {self.task} cannot emit here")
        return self._emission().emit(self, items)

    def fail_item(self, position: int, reason: str) -> None:
        """Say that one of the items of this job of a map FAILED; the others SUCCEED when the handler returns.

        `position` is its place in the payload's items, from 0 to `ctx.items - 1`; said twice, the last reason stands.
        An attempt that does not succeed has said nothing. The job is not repeated for failed items; they count against
        the failures that the map tolerates. Raises Misconfigured in a job of no map, and out of range.
        """
        if self.items is None:
            raise Misconfigured(f"this job of task {self.task} is none of a map: it has no items that could fail")
        if not 0 <= position < self.items:
            raise Misconfigured(f"there is no item {position}: this job holds {self.items}, counted from 0")
        if self._failed_items is None:
            self._failed_items = {}
        self._failed_items[position] = reason

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
