-- Count the jobs of one task that carry a tag, by state. Lateral with a limit can only be planned one way: tag by tag.
-- index: job_tags_pkey, ready_job_id_key, leases_pkey, parked_pkey, finished_*_pkey
-- takes: tag text, task text
-- returns: state, jobs
select s.state, count(*) as jobs
from easyflow.job_tags as t
cross join lateral (select v.state, v.task from easyflow.job_states as v where v.job_id = t.job_id limit 1) as s
where t.tag = :tag and s.task = :task
group by s.state
