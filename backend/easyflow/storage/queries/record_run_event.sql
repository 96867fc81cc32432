-- Append one event to a run's history.
-- takes: run_id uuid, step_no smallint, kind text, actor text, reason text, detail jsonb
-- returns: nothing
insert into easyflow.run_events (run_id, at, step_no, kind, actor, reason, detail)
values (:run_id, (select easyflow.clock()), :step_no, :kind, :actor, :reason, :detail)
