-- Read which signals have come to some runs.
-- takes: run_ids uuid[]
-- index: run_signals_pkey
-- returns: run_id, name, in no order
select run_id, name from easyflow.run_signals where run_id = any (:run_ids)
