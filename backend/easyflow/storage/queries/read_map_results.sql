-- Read the next results of a map that another map goes over.
-- takes: run_id uuid, step_no smallint, after bigint, max_items integer
-- index: run_outcomes_pkey
-- returns: item_no, item as text, by item_no; of items that SUCCEEDED only
select item_no, cast(coalesce(result, 'null') as text) as item
from easyflow.run_outcomes
where run_id = :run_id and step_no = :step_no and item_no > :after and state = 'SUCCEEDED'
order by item_no
limit :max_items
