-- Read one job: its facts and the one place where its ticket is.
-- index: jobs_*_pkey
-- takes: job_id uuid
-- returns: facts, state, counters, payload of its present revision, result, progress of its latest attempt; nothing
--          when there is no such job
select j.id, j.task, s.state, s.queue, s.priority, s.retry_count, s.losses, s.unstarted, s.lease_no, s.replay_no,
       s.revision, j.key, j.ordered, j.max_attempts, j.timeout_seconds, j.created_at, j.run_id, j.step_no,
       coalesce(s.run_at, j.run_at) as run_at, s.since, s.finished_at,
       array(select t.tag from easyflow.job_tags as t where t.job_id = j.id order by t.tag) as tags,
       coalesce((select p.payload from easyflow.payload_revisions as p
                 where p.job_id = j.id and p.revision = s.revision), j.payload) as payload,
       (select r.result from easyflow.results as r where r.job_id = j.id) as result,
       p.done as progress_done, p.total as progress_total, p.note as progress_note, p.at as progress_at
from easyflow.jobs as j
left join lateral (select * from easyflow.job_states as v where v.job_id = :job_id) as s on true
left join easyflow.progress as p on p.job_id = j.id and p.lease_no = s.lease_no
where j.id = :job_id
