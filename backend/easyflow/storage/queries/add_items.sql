-- Keep the items of a list that a map goes over. Run behind lock_runs only.
-- takes: run_id uuid, step_no smallint, items jsonb
-- returns: nothing
insert into easyflow.run_items (run_id, step_no, lease_no, item_no, item)
select :run_id, :step_no, 0, i.position - 1, i.item
from jsonb_array_elements(:items) with ordinality as i(item, position)
