-- Read what a job was given when it last ran.
-- takes: job_id uuid
-- index: jobs_*_pkey
-- returns: payload as text: the latest revision, else what was submitted
select cast(coalesce((select p.payload from easyflow.payload_revisions as p
                      where p.job_id = j.id order by p.revision desc limit 1), j.payload) as text) as payload
from easyflow.jobs as j
where j.id = :job_id
