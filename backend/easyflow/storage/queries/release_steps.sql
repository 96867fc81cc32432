-- Let steps begin, or be over at once, as with one that is skipped. Run behind lock_runs only.
-- takes: run_ids uuid[], step_nos smallint[], states text[], job_ids uuid[], due_ats timestamptz[], delays double precision[],
--        reasons text[], results jsonb[], child_runs uuid[], items bigint[], concurrencies integer[],
--        tolerated_failures bigint[], tolerated_percents double precision[], source_leases bigint[]
-- returns: nothing; a step that was released before is an error, which the lock excludes
insert into easyflow.run_steps (run_id, step_no, state, released_at, finished_at, due_at, job_id, child_run, reason, result,
                                items, made, succeeded, failed, source_lease, source_item, concurrency,
                                tolerated_failures, tolerated_percent)
select u.run_id, u.step_no, u.state, (select easyflow.clock()),
       case when u.state in ('RUNNING', 'WAITING') then null else (select easyflow.clock()) end,
       coalesce(u.due_at, (select easyflow.clock()) + u.delay * interval '1 second'), u.job_id, u.child_run, u.reason,
       u.result, u.items, case when u.items is not null then 0 end, case when u.items is not null then 0 end,
       case when u.items is not null then 0 end, u.source_lease, case when u.items is not null then -1 end,
       u.concurrency, u.tolerated_failures, u.tolerated_percent
from unnest(:run_ids, :step_nos, :states, :job_ids, :due_ats, :delays, :reasons, :results, :child_runs, :items,
            :concurrencies, :tolerated_failures, :tolerated_percents, :source_leases)
     as u(run_id, step_no, state, job_id, due_at, delay, reason, result, child_run, items, concurrency,
          tolerated_failures, tolerated_percent, source_lease)
