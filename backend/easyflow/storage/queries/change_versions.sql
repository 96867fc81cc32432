-- Put runs on another version of their workflow. Run behind lock_runs only.
-- takes: run_ids uuid[], version integer, digest bytea, numbers jsonb[], children jsonb[]
-- index: runs_pkey
-- returns: nothing. `numbers` has the name of its step at each number, null at those whose step is gone.
update easyflow.runs as r
set version = :version, digest = :digest, numbers = u.numbers, children = u.children
from unnest(:run_ids, :numbers, :children) as u(run_id, numbers, children)
where r.id = u.run_id
