-- Read the facts of given jobs with what their attempts last said; the ids come first, and no payloads are read.
-- index: jobs_*_pkey, attempts_*_pkey
-- takes: job_ids uuid[]
-- returns: id, task, queue, priority, created_at, run_at, run_id, step_no, tags, version (of its dead letter, else null),
--          began_at (of the latest attempt that ended), error_type, error_message, error_at (of the latest error); newest
--          job first
select j.id, j.task, j.queue, j.priority, j.created_at, j.run_at, j.run_id, j.step_no,
       array(select t.tag from easyflow.job_tags as t where t.job_id = u.id order by t.tag) as tags,
       (select d.version from easyflow.dead_letters as d where d.job_id = u.id) as version,
       a.began_at, e.error_type, e.error_message, e.error_at
from unnest(:job_ids) as u(id)
cross join lateral (
    select id, task, queue, priority, created_at, run_at, run_id, step_no from easyflow.jobs where id = u.id limit 1
) as j
left join lateral (
    select coalesce(started_at, claimed_at) as began_at
    from easyflow.attempts where job_id = u.id order by lease_no desc limit 1
) as a on true
left join lateral (
    select error_type, error_message, finished_at as error_at
    from easyflow.attempts where job_id = u.id and error_type is not null order by lease_no desc limit 1
) as e on true
order by j.id desc
