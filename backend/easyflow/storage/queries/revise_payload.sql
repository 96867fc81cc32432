-- Keep an edited payload as the job's next revision; the one it was submitted with stays what it was.
-- takes: job_id uuid, payload jsonb, actor text, reason text
-- returns: revision
insert into easyflow.payload_revisions (job_id, revision, payload, created_at, actor, reason)
select :job_id, coalesce(max(revision), 0) + 1, :payload, easyflow.clock(), :actor, :reason
from easyflow.payload_revisions where job_id = :job_id
returning revision
