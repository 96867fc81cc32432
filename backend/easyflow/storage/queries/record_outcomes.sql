-- Record what became of the items of jobs of maps, each with its part of the job's result. Run behind lock_runs only.
-- takes: run_ids uuid[], step_nos smallint[], job_ids uuid[], parts bigint[], counts integer[], states text[], reasons text[],
--        failed_jobs uuid[], failed_positions integer[], failed_reasons text[]
-- returns: nothing. An item that failed within a job that SUCCEEDED is named by job and position. Of a job of several items
--          the result is a list with one for each, or belongs to none; a job that ran again replaces what it said before.
insert into easyflow.run_outcomes as o (run_id, step_no, item_no, job_id, state, reason, result)
select u.run_id, u.step_no, u.part + n.position, u.job_id,
       case when f.job_id is null then u.state else 'FAILED' end, coalesce(f.reason, u.reason),
       case when f.job_id is null and u.state = 'SUCCEEDED' then
           case when u.count = 1 then r.result
                when jsonb_typeof(r.result) = 'array' then r.result -> n.position end
       end
from unnest(:run_ids, :step_nos, :job_ids, :parts, :counts, :states, :reasons)
     as u(run_id, step_no, job_id, part, count, state, reason)
cross join lateral generate_series(0, u.count - 1) as n(position)
left join lateral (select result from easyflow.results where job_id = u.job_id limit 1) as r on true
left join unnest(:failed_jobs, :failed_positions, :failed_reasons) as f(job_id, position, reason)
     on f.job_id = u.job_id and f.position = n.position
on conflict (run_id, step_no, item_no) do update
set job_id = excluded.job_id, state = excluded.state, reason = excluded.reason, result = excluded.result
