-- Read what went into one run and what came out of it.
-- takes: run_id uuid
-- index: runs_pkey
-- returns: input as text, output as text or null
select cast(input as text) as input, cast(output as text) as output from easyflow.runs where id = :run_id
