-- Prove that every job is in exactly one place. One statement: a picture made of several is wrong three times in four.
-- takes: after uuid, max_jobs integer
-- returns: last_id (null when no job is behind `after`), checked, and the ids in no place (lost), in more than one
--          (doubled), or in a place without being a job (strangers)
with window_of_jobs as materialized (
    select id from easyflow.jobs where id > :after order by id limit :max_jobs
),
bounds as materialized (
    select (select id from window_of_jobs order by id desc limit 1) as last_id, count(*) as checked
    from window_of_jobs
),
places as (
    select job_id from easyflow.ready where job_id > :after and job_id <= (select last_id from bounds)
    union all
    select job_id from easyflow.leases where job_id > :after and job_id <= (select last_id from bounds)
    union all
    select job_id from easyflow.parked where job_id > :after and job_id <= (select last_id from bounds)
    union all
    select job_id from easyflow.finished where job_id > :after and job_id <= (select last_id from bounds)
),
counted as (
    select coalesce(w.id, p.job_id) as id, w.id is not null as has_facts, count(p.job_id) as places
    from window_of_jobs as w
    full join places as p on p.job_id = w.id
    group by 1, 2
)
select b.last_id, b.checked,
       array(select id from counted where places = 0 and has_facts order by id limit 100) as lost,
       array(select id from counted where places > 1 order by id limit 100) as doubled,
       array(select id from counted where not has_facts order by id limit 100) as strangers
from bounds as b
