-- Read back what was recorded about attempts whose endings were sent and never answered.
-- index: attempts_*_pkey, finished_*_pkey, ready_job_id_key, leases_pkey, parked_pkey
-- takes: executor_id uuid, job_ids uuid[], lease_nos bigint[]
-- returns: for each of the given, in their order: job_id, outcome of its attempt (null when none was recorded), by_us
--          (by this executor, while it held the claim), started; and of the job as it is now: queue, key, ordered, state
select u.job_id, a.outcome, a.executor_id = :executor_id as by_us, a.started_at is not null as started,
       s.queue, s.key, s.ordered, s.state
from unnest(:job_ids, :lease_nos) with ordinality as u(job_id, lease_no, place)
left join lateral (
    select a.outcome, a.executor_id, a.started_at from easyflow.attempts as a
    where a.job_id = u.job_id and a.lease_no = u.lease_no
    limit 1
) as a on true
left join lateral (
    select s.queue, s.key, s.ordered, s.state from easyflow.job_states as s where s.job_id = u.job_id limit 1
) as s on true
order by u.place
