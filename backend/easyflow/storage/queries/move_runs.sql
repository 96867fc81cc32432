-- Give runs another state; one that is over gets its time, its output and its reason. Run behind lock_runs only.
-- takes: run_ids uuid[], states text[], reasons text[], outputs jsonb[], compensated boolean[]
-- index: runs_pkey
-- returns: nothing
update easyflow.runs as r
set state = u.state, reason = coalesce(u.reason, r.reason), output = u.output, compensated = u.compensated,
    finished_at = case when u.state in ('SUCCEEDED', 'FAILED', 'CANCELLED') then (select easyflow.clock()) end
from unnest(:run_ids, :states, :reasons, :outputs, :compensated) as u(run_id, state, reason, output, compensated)
where r.id = u.run_id
