-- Find running jobs of these executors that were asked to stop.
-- index: leases_cancel
-- takes: executor_ids uuid[]
-- returns: executor_id, job_id
select executor_id, job_id from easyflow.leases where executor_id = any (:executor_ids) and cancel_requested
