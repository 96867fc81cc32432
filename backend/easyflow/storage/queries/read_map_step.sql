-- Read what a map counts, and where it finds its items.
-- takes: run_id uuid, step_no smallint
-- index: run_steps_pkey
-- returns: items, made, succeeded, failed, source_lease; nothing while the step is BLOCKED; items is null when it is no map
select items, made, succeeded, failed, source_lease
from easyflow.run_steps
where run_id = :run_id and step_no = :step_no
