-- Read the signal of a run that came, if it did.
-- takes: run_id uuid, name text
-- returns: value as text, at, actor
select cast(value as text) as value, at, actor from easyflow.run_signals where run_id = :run_id and name = :name
