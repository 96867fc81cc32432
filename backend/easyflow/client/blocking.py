"""The client for programs without an event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar, Unpack

import httpx
from tenacity import Retrying

from easyflow.client import plans, run_plans
from easyflow.client.exchange import Exchange, Line
from easyflow.client.models import DeadLetter, DeadLetterDetail, Job, JobDetail, Page, Submitted
from easyflow.client.options import DeadLetterFilters, JobFilters, JobOptions, NewJob, RunFilters, RunOptions
from easyflow.client.plans import UNCHANGED, Answer, Call, Plan, Settlement
from easyflow.client.run_models import RegisteredWorkflow, Run, RunDetail, RunItem, StartedRun
from easyflow.client.run_plans import ItemState
from easyflow.errors import EasyFlowError

T = TypeVar("T")


class Client:
    """EasyFlow's API for programs; threads may share one.

    Each call is tried again, with growing pauses and as Retry-After asks, while the API cannot be reached or says that
    it passes: for `patience_seconds` at most, one try taking up to `timeout_seconds`. None is done twice by that.
    Calls raise Unavailable when the patience is over, Unauthorized for a missing or wrong key, and Refused for what
    the API will not do.
    """

    def __init__(
        self,
        api_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_seconds: float = 10.0,
        patience_seconds: float = 30.0,
    ) -> None:
        """Take address and key from EASYFLOW_API_URL and EASYFLOW_API_KEY unless they are given.

        Nothing is sent yet. Raises Misconfigured for what is no address or no key.
        """
        self._line = Line.to(api_url, api_key, timeout_seconds, patience_seconds)
        self._http = httpx.Client()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections; it can do no more."""
        self._http.close()

    def submit(self, task: str, payload: Any, **options: Unpack[JobOptions]) -> Submitted:
        """Store one job and return it; `options` are those of `JobOptions`.

        `payload` is what JSON can say, or a pydantic model; Decimals and whole numbers arrive with all their digits.
        The job is stored once, also when an answer was lost on the way. With an `idempotency_key` of your own that
        holds across programs and restarts: the same key and job again return the job that is there.
        Raises Invalid for a payload that is no JSON, and Refused for an unknown task, a payload that does not fit it,
        or a key that was used for another job.
        """
        return self._carry_out(plans.submit(task, payload, options))

    def submit_batch(self, jobs: Iterable[NewJob], *, idempotency_key: str | None = None) -> list[str]:
        """Store jobs, all or none, and return their ids in order; the API takes up to 10,000 at once.

        `idempotency_key` stands for the batch as a whole, and each job may have its own; raises as `submit` does,
        with the problems of all jobs, each at `jobs.<position>`.
        """
        return self._carry_out(plans.submit_batch(jobs, idempotency_key))

    def wait(self, job_id: str, timeout: float | None = None) -> JobDetail:
        """Return the job as soon as it SUCCEEDED, with its result.

        Raises JobFailed when it ended otherwise, and TimedOut after `timeout` seconds (None: never); both hold the
        job with its last error.
        """
        return self._carry_out(plans.wait(job_id, timeout))

    def get_job(self, job_id: str) -> JobDetail:
        """Return everything about one job; raises Refused (404) when there is none."""
        return self._carry_out(plans.get_job(job_id))

    def list_jobs(self, **filters: Unpack[JobFilters]) -> Iterator[Job]:
        """Go through the jobs, newest first, over all pages; each page is fetched when it is needed."""
        return self._each(lambda cursor: plans.job_page(filters, cursor))

    def cancel(self, job_id: str, *, reason: str | None = None) -> Job:
        """Cancel a job: at once, or by asking the task that runs; the job's state tells which.

        Raises Refused (409) when it had ended otherwise.
        """
        return self._carry_out(plans.cancel(job_id, reason))

    def settle(
        self,
        job_id: str,
        outcome: Settlement,
        reason: str,
        *,
        seen_version: int,
        result: Any = UNCHANGED,
        complete: bool = False,
    ) -> Job:
        """Say what happened outside, after looking there, so that a job in doubt goes on; `reason` says how you know.

        "happened": its open effects are recorded as done with `result` (JSON, or a pydantic model), which its handler
        gets as it runs on; with `complete` the job ends SUCCEEDED with it instead. "did_not_happen": they are done,
        with the same keys. "failed": the job ends as a dead letter. `seen_version` is that of `in_doubt` in the job
        that was looked at: of two callers who saw the same one wins, and the other gets Refused (409). It is done
        once, also when an answer was lost on the way.
        """
        return self._carry_out(plans.settle(job_id, outcome, reason, seen_version, result, complete))

    def list_dead_letters(self, **filters: Unpack[DeadLetterFilters]) -> Iterator[DeadLetter]:
        """Go through the dead letters, newest job first, over all pages; only open ones unless `state` is given."""
        return self._each(lambda cursor: plans.dead_letter_page(filters, cursor))

    def get_dead_letter(self, job_id: str) -> DeadLetterDetail:
        """Return everything about one dead letter; raises Refused (404) when there is none."""
        return self._carry_out(plans.get_dead_letter(job_id))

    def replay(self, job_id: str, reason: str, *, seen_version: int, payload: Any = UNCHANGED) -> Job:
        """Let a failed job run again, with the payload as it is or with another.

        `seen_version` is the version of the dead letter that was looked at: of two callers who saw the same one wins,
        and the other gets Refused (409). It is done once, also when an answer was lost on the way.
        """
        return self._carry_out(plans.replay(job_id, reason, payload, seen_version))

    def discard(self, job_id: str, reason: str, *, seen_version: int) -> DeadLetter:
        """Set a dead letter aside; its job stays FAILED. `seen_version` and errors are those of `replay`."""
        return self._carry_out(plans.discard(job_id, reason, seen_version))

    def register_workflow(self, definition: Mapping[str, Any]) -> RegisteredWorkflow:
        """Keep a definition as the next version of its workflow; what is known already keeps its version.

        Raises Refused with every problem of it, each at its place, for instance an unknown task.
        """
        return self._carry_out(run_plans.register_workflow(definition))

    def start_run(self, workflow: str, input: Any = None, **options: Unpack[RunOptions]) -> StartedRun:
        """Start a run of a workflow; `options` are those of `RunOptions`.

        `input` is what JSON can say, or a pydantic model; None is an empty object. The run is started once, also when
        an answer was lost on the way. Raises Invalid for an input that is no JSON, and Refused for an unknown workflow,
        an input that does not fit it, or a key that was used for another start.
        """
        return self._carry_out(run_plans.start_run(workflow, {} if input is None else input, options))

    def wait_run(self, run_id: str, timeout: float | None = None) -> RunDetail:
        """Return the run as soon as it SUCCEEDED, with its output.

        Raises RunFailed when it ended otherwise, and RunTimedOut after `timeout` seconds (None: never); both hold the
        run with its steps.
        """
        return self._carry_out(run_plans.wait_run(run_id, timeout))

    def get_run(self, run_id: str) -> RunDetail:
        """Return one run with every step; raises Refused (404) when there is none."""
        return self._carry_out(run_plans.get_run(run_id))

    def list_runs(self, **filters: Unpack[RunFilters]) -> Iterator[Run]:
        """Go through the runs, newest first, over all pages; each page is fetched when it is needed."""
        return self._each(lambda cursor: run_plans.run_page(filters, cursor))

    def list_items(self, run_id: str, step: str, *, state: ItemState | None = None) -> Iterator[RunItem]:
        """Go through the items of a map that have ended, by their numbers, over all pages; of one state if given."""
        return self._each(lambda cursor: run_plans.item_page(run_id, step, state, cursor))

    def cancel_run(self, run_id: str, *, reason: str | None = None, compensate: bool = True) -> Run:
        """Cancel a run: nothing further begins, jobs that run are asked to stop, finished steps are taken back.

        Without `compensate` what they have done stays. Raises Refused (409) when it had ended otherwise.
        """
        return self._carry_out(run_plans.cancel_run(run_id, reason, compensate))

    def pause_run(self, run_id: str, *, reason: str | None = None) -> Run:
        """Let nothing further of a run begin; what runs comes to its end."""
        return self._carry_out(run_plans.act_on_run("pause", run_id, reason))

    def resume_run(self, run_id: str, *, reason: str | None = None) -> Run:
        """Let a paused run go on, or a FAILED one try its failed steps again; what SUCCEEDED is not repeated."""
        return self._carry_out(run_plans.act_on_run("resume", run_id, reason))

    def signal_run(self, run_id: str, name: str, value: Any = None, *, reason: str | None = None) -> Run:
        """Give a run a signal; one that comes early is kept, and of two senders one gets Refused (409).

        It is given once, also when an answer was lost on the way.
        """
        return self._carry_out(run_plans.signal_run(run_id, name, value, reason))

    def _each(self, page: Callable[[str | None], Plan[Page[T]]]) -> Iterator[T]:
        cursor: str | None = None
        while True:
            found = self._carry_out(page(cursor))
            yield from found.items
            cursor = found.next_cursor
            if cursor is None:
                return

    def _carry_out(self, plan: Plan[T]) -> T:
        try:
            call = next(plan)
            while True:
                try:
                    answer = self._send(call)
                except EasyFlowError as refused:
                    call = plan.throw(refused)
                else:
                    call = plan.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    def _send(self, call: Call) -> Answer:
        exchange = Exchange(self._line, call)

        def attempt() -> Answer:
            with exchange.try_once():
                reply = self._http.send(exchange.request())
            return exchange.read(reply)

        return Retrying(**exchange.patience())(attempt)
