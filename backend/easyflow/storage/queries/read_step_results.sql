-- Read the results of some steps that are over: of its job, of a map its counts, else what the step itself keeps.
-- takes: run_ids uuid[], step_nos smallint[]
-- index: run_steps_pkey, results_*_pkey
-- returns: run_id, step_no, result as text or null, in no order
select s.run_id, s.step_no,
       cast(case
           when s.items is not null then
               jsonb_build_object('total', s.items, 'succeeded', s.succeeded, 'failed', s.failed)
           when s.job_id is not null then (select r.result from easyflow.results as r where r.job_id = s.job_id)
           else s.result
       end as text) as result
from unnest(:run_ids, :step_nos) as u(run_id, step_no)
cross join lateral (
    select * from easyflow.run_steps where run_id = u.run_id and step_no = u.step_no limit 1
) as s
