-- Find those of some runs that are over.
-- takes: run_ids uuid[]
-- index: runs_pkey
-- returns: id, in no order
select id from easyflow.runs where id = any (:run_ids) and finished_at is not null
