-- Read the results of the steps of one run that are over, up to some bytes.
-- takes: run_id uuid, max_bytes bigint
-- index: run_steps_pkey, results_*_pkey
-- returns: step_no, result as text, result_bytes of those that have one, by step; behind `max_bytes` of them, counted in that
--          order, only the size of a result is told
with known as (
    select s.step_no,
           cast(case
               when s.items is not null then
                   jsonb_build_object('total', s.items, 'succeeded', s.succeeded, 'failed', s.failed)
               when s.job_id is not null then (select r.result from easyflow.results as r where r.job_id = s.job_id)
               else s.result
           end as text) as result
    from easyflow.run_steps as s
    where s.run_id = :run_id and s.state = 'SUCCEEDED'
),
sized as (
    select step_no, result, octet_length(result)::bigint as result_bytes from known where result is not null
)
select step_no,
       case when sum(result_bytes) over (order by step_no) - result_bytes < :max_bytes then result end as result,
       result_bytes
from sized
order by step_no
