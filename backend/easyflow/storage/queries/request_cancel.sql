-- Ask for a running job to stop: its finish, whatever it says, then ends CANCELLED.
-- moves: T16 RUNNING -> RUNNING        index: leases_pkey
-- takes: job_id uuid
-- returns: executor_id; nothing when no lease is there, or it moved just now: look again
update easyflow.leases set cancel_requested = true where job_id = :job_id returning executor_id
