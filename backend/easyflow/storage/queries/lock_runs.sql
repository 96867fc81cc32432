-- Lock some runs, each for whoever changes it: all that a run does next is decided and written behind this lock.
-- takes: run_ids uuid[]
-- index: runs_pkey
-- returns: id, created_at, started_at, workflow, version, digest, state, stopping, compensates, compensated, key,
--          parent_run, parent_step, children as text, numbers as text, by id; runs that do not exist are missing. Read
--          their steps in a later statement, whose snapshot sees what was committed before the lock was had.
select id, created_at, started_at, workflow, version, digest, state, stopping, compensates, compensated, key, parent_run,
       parent_step, cast(children as text) as children, cast(numbers as text) as numbers
from easyflow.runs
where id = any (:run_ids)
order by id
for no key update
