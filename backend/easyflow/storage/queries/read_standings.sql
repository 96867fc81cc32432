-- Read where some runs stand: on which version, with which of their steps in which state, and which signals have come.
-- takes: run_ids uuid[]
-- index: runs_pkey, run_steps_pkey, run_signals_pkey
-- returns: id, workflow, version, digest, numbers as text, state, stopping, compensated, steps (step_no, state, compensation of
--          each that is not BLOCKED, as JSON text), signals, by id; runs that do not exist are missing
select r.id, r.workflow, r.version, r.digest, cast(r.numbers as text) as numbers, r.state, r.stopping, r.compensated,
       coalesce((select cast(jsonb_agg(jsonb_build_array(s.step_no, s.state, s.compensation) order by s.step_no) as text)
                 from easyflow.run_steps as s where s.run_id = r.id), '[]') as steps,
       array(select g.name from easyflow.run_signals as g where g.run_id = r.id order by g.name) as signals
from unnest(:run_ids) as u(id)
cross join lateral (select * from easyflow.runs where id = u.id limit 1) as r
order by r.id
