-- Keep a signal of a run, unless one of this name has come before. Run behind lock_runs only.
-- takes: run_id uuid, name text, value jsonb, actor text
-- returns: at; nothing when it came before
insert into easyflow.run_signals (run_id, name, at, actor, value)
values (:run_id, :name, (select easyflow.clock()), :actor, :value)
on conflict (run_id, name) do nothing
returning at
