-- Read every step of some runs that is not BLOCKED; what a map counts comes as one array, so that others cost little.
-- takes: run_ids uuid[]
-- index: run_steps_pkey
-- returns: run_id, step_no, state, finished_at, job_id, child_run, compensation, compensation_job, reason, counts (of a map:
--          items, made, succeeded, failed, source_lease, source_item, concurrency, tolerated_failures), tolerated_percent
--          by run and step
select s.run_id, s.step_no, s.state, s.finished_at, s.job_id, s.child_run, s.compensation, s.compensation_job, s.reason,
       case when s.items is not null then
           array[s.items, s.made, s.succeeded, s.failed, s.source_lease, s.source_item, cast(s.concurrency as bigint),
                 s.tolerated_failures]
       end as counts,
       s.tolerated_percent
from easyflow.run_steps as s
where s.run_id = any (:run_ids)
order by s.run_id, s.step_no
