-- Ask for a running job to stop: its finish, whatever it says, then ends CANCELLED, or IN_DOUBT when it is in doubt.
-- Intents go on beside it: they lock the same lease, for key share.
-- moves: T16 RUNNING -> RUNNING        index: leases_pkey
-- takes: job_id uuid
-- returns: executor_id, already (asked before); nothing when no lease is there, or it moved just now: look again
with found as materialized (
    select job_id, cancel_requested as already from easyflow.leases where job_id = :job_id
    for no key update
)
update easyflow.leases as l set cancel_requested = true from found where l.job_id = found.job_id
returning l.executor_id, found.already
