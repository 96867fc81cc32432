-- Read why jobs are in doubt, and since when.
-- index: parked_state, job_events_job
-- takes: job_ids uuid[]
-- returns: job_id, version (what settle needs to have seen), since, reason, cancel_requested of those that are in
--          doubt, in no order
select p.job_id, p.lease_no as version, p.parked_at as since, e.reason,
       coalesce(e.detail @> '{"cancel_requested": true}', false) as cancel_requested
from easyflow.parked as p
left join lateral (
    select reason, detail from easyflow.job_events where job_id = p.job_id and kind = 'in doubt' order by id desc limit 1
) as e on true
where p.job_id = any (:job_ids) and p.state = 'IN_DOUBT'
