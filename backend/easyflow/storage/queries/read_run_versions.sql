-- Read on which version of which workflow given runs are.
-- takes: run_ids uuid[]
-- index: runs_pkey
-- returns: id, workflow, version, digest, numbers as text (null unless it has moved between versions), in no order
select id, workflow, version, digest, cast(numbers as text) as numbers
from easyflow.runs where id = any (:run_ids)
