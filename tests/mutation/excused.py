"""Guards whose absence nobody could notice, each with the reason; everything else that survives is a failure."""

from __future__ import annotations

EXCUSED: dict[str, str] = {
    "claim_jobs: limit :max_jobs (2)": (
        "the limit around all intervals takes as many; this one bounds what one interval locks "
        "if it were ever sorted, not walked along its index"
    ),
    "cancel_run_jobs: row lock": (
        "the update locks the same rows, in the order in which they are handed to it; "
        "this makes sure of that order whatever the plan"
    ),
    "close_effects: e.job_id = g.job_id": (
        "a claim token is one job's alone, and it is compared too; by the job its row is found in one partition"
    ),
}
