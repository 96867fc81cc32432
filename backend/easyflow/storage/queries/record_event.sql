-- Append one rare event to a job's history; claims and finishes are told by leases and attempts.
-- takes: job_id uuid, kind text, actor text, reason text, detail jsonb
-- returns: nothing
insert into easyflow.job_events (job_id, at, kind, actor, reason, detail)
values (:job_id, easyflow.clock(), :kind, :actor, :reason, :detail)
