-- Find tickets without a job behind the newest one; the windows of check_conservation end there.
-- takes: after uuid
-- returns: job_id in order, at most 100
select t.job_id
from (
    select job_id from easyflow.ready where job_id > :after
    union all
    select job_id from easyflow.leases where job_id > :after
    union all
    select job_id from easyflow.parked where job_id > :after
    union all
    select job_id from easyflow.finished where job_id > :after
) as t
where not exists (select from easyflow.jobs as j where j.id = t.job_id)
order by t.job_id
limit 100
