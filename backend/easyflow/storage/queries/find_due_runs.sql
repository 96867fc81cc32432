-- Find runs in which something waited for is due: the end of a sleep, of the wait for a signal, or of the run itself.
-- takes: max_runs integer
-- index: run_steps_due, runs_deadline
-- returns: run_id, the longest due first; perhaps more than once
(select run_id, due_at from easyflow.run_steps
 where state = 'WAITING' and due_at is not null and due_at <= (select easyflow.clock())
 order by due_at limit :max_runs)
union all
(select id, deadline_at from easyflow.runs
 where finished_at is null and deadline_at is not null and deadline_at <= (select easyflow.clock())
   and stopping is null
 order by deadline_at limit :max_runs)
order by due_at
limit :max_runs
