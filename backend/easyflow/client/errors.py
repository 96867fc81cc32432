"""What a call of the client can come to besides its answer."""

from __future__ import annotations

from collections.abc import Sequence

from easyflow.client.models import FieldProblem, JobDetail
from easyflow.client.run_models import RunDetail
from easyflow.errors import EasyFlowError

PROBLEMS_TOLD = 5


class Refused(EasyFlowError):
    """The API refused the request.

    `code` and `status` are those of the answer, `problems` names what is wrong and where, `request_id` finds the
    request in the API's log, and `version` is the present one where another than the `seen_version` was found.
    """

    code = "refused"
    status = 400

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str = "refused",
        status: int = 400,
        problems: Sequence[FieldProblem] = (),
        request_id: str | None = None,
        version: int | None = None,
        unsure: bool = False,
    ) -> None:
        """Say what the answer said; `unsure`: an earlier try of this request may have been carried out."""
        places = "; ".join(f"{each.at}: {each.message}" for each in problems[:PROBLEMS_TOLD])
        super().__init__(f"{message}: {places}" if message and places and places not in message else message)
        self.code = code
        self.status = status
        self.problems = list(problems)
        self.request_id = request_id
        self.version = version
        self.unsure = unsure


class Unauthorized(Refused):
    """The API wants a key, or another one: give `api_key`, or set EASYFLOW_API_KEY."""


class Unavailable(EasyFlowError):
    """The API did not answer, or could not work, for as long as the client had patience.

    `unsure`: the request may have been carried out all the same. A submit with the same idempotency key may simply be
    repeated; before another act, look at the job.
    """

    code = "unavailable"
    status = 503
    retryable = True

    def __init__(self, message: str | None = None, *, unsure: bool = False, retry_after: float = 0.0) -> None:
        """Say what stood in the way; `retry_after` is when the API wants to be asked again, in seconds."""
        super().__init__(message)
        self.unsure = unsure
        self.retry_after = retry_after


class JobFailed(EasyFlowError):
    """The job ended, but not SUCCEEDED; `job` tells all about it."""

    code = "job_failed"
    status = 409

    def __init__(self, job: JobDetail) -> None:
        """Tell how it ended and its last error."""
        super().__init__(f"job {job.id} is {job.state}{_last_error(job)}")
        self.job = job


class TimedOut(EasyFlowError):
    """The job had not ended in time; it goes on, and `job` is how it was seen last."""

    code = "timed_out"
    status = 504

    def __init__(self, job: JobDetail) -> None:
        """Tell where it is and its last error."""
        super().__init__(f"job {job.id} is still {job.state}{_last_error(job)}")
        self.job = job


class RunFailed(EasyFlowError):
    """The run is over, but not SUCCEEDED; `run` tells all about it."""

    code = "run_failed"
    status = 409

    def __init__(self, run: RunDetail) -> None:
        """Tell how it ended and why."""
        super().__init__(f"run {run.id} is {run.state}{f': {run.reason}' if run.reason else ''}")
        self.run = run


class RunTimedOut(EasyFlowError):
    """The run was not over in time; it goes on, and `run` is how it was seen last."""

    code = "timed_out"
    status = 504

    def __init__(self, run: RunDetail) -> None:
        """Tell where it is."""
        going = [f"{step.name} is {step.state}" for step in run.steps if step.state in ("RUNNING", "WAITING")]
        super().__init__(f"run {run.id} is still {run.state}{f': {going[0]}' if going else ''}")
        self.run = run


def _last_error(job: JobDetail) -> str:
    return f": {job.last_error.type}: {job.last_error.message}" if job.last_error else ""
