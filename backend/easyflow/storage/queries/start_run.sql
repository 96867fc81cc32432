-- Store a run; it starts at once unless another live run has its key.
-- takes: id uuid, workflow text, version integer, digest bytea, input jsonb,
--        key text, deadline_seconds double precision, parent_run uuid, parent_step smallint, schedule text,
--        slot timestamptz, children jsonb, starts boolean
-- returns: id, created_at, started_at, workflow, version, digest, state, stopping, compensates, compensated, key,
--          parent_run, parent_step, children as text, numbers (null); nothing when it should start and another run has its key
insert into easyflow.runs (id, created_at, started_at, deadline_at, version, state, workflow, key, input, parent_run,
                           parent_step, schedule, slot, children, digest)
select :id, c.now, case when :starts then c.now end, c.now + :deadline_seconds * interval '1 second', :version,
       'RUNNING', :workflow, :key, :input, :parent_run, :parent_step, :schedule, :slot, :children,
       :digest
from (select easyflow.clock() as now) as c
on conflict (workflow, key) where key is not null and started_at is not null and finished_at is null do nothing
returning id, created_at, started_at, workflow, version, digest, state, stopping, compensates, compensated, key,
          parent_run, parent_step, cast(children as text) as children, cast(numbers as text) as numbers
