-- Let steps be BLOCKED again, as if they had never begun: what their jobs emitted goes too. Run behind lock_runs only.
-- takes: run_ids uuid[], step_nos smallint[]
-- index: run_steps_pkey, run_items_pkey
-- returns: nothing
with gone as (
    delete from easyflow.run_items as i
    using unnest(:run_ids, :step_nos) as u(run_id, step_no)
    where i.run_id = u.run_id and i.step_no = u.step_no
)
delete from easyflow.run_steps as s
using unnest(:run_ids, :step_nos) as u(run_id, step_no)
where s.run_id = u.run_id and s.step_no = u.step_no
