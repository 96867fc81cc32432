-- Count the items of a map that ended in one state other than SUCCEEDED, up to some number.
-- takes: run_id uuid, step_no smallint, state text, most bigint
-- index: run_outcomes_failed
-- returns: value
select count(*) as value
from (
    select from easyflow.run_outcomes
    where run_id = :run_id and step_no = :step_no and state <> 'SUCCEEDED' and state = :state
    limit :most
) as o
