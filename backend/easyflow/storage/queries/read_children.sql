-- Read how some runs ended.
-- takes: run_ids uuid[]
-- index: runs_pkey
-- returns: id, workflow, state, reason, output as text, in no order; those that are not over are missing
select id, workflow, state, reason, cast(output as text) as output
from easyflow.runs where id = any (:run_ids) and finished_at is not null
