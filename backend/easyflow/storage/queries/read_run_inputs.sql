-- Read what some runs were started with.
-- takes: run_ids uuid[]
-- index: runs_pkey
-- returns: id, input as text, in no order
select id, cast(input as text) as input from easyflow.runs where id = any (:run_ids)
