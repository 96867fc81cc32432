-- Read the next items that a map goes over.
-- takes: run_id uuid, step_no smallint, lease_no bigint, after bigint, max_items integer
-- index: run_items_pkey
-- returns: item_no, item as text, by item_no
select item_no, cast(item as text) as item
from easyflow.run_items
where run_id = :run_id and step_no = :step_no and lease_no = :lease_no and item_no > :after
order by item_no
limit :max_items
