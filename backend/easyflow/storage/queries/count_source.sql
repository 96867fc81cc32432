-- Count what a step that is no map left for a map to go over: the items its job emitted under its last lease.
-- takes: run_id uuid, step_no smallint
-- index: run_steps_pkey, run_items_pkey
-- returns: items, source_lease
select coalesce(e.item_no + 1, 0) as items, coalesce(f.lease_no, 0) as source_lease
from easyflow.run_steps as s
left join lateral (select lease_no from easyflow.finished where job_id = s.job_id limit 1) as f on true
left join lateral (
    select i.item_no from easyflow.run_items as i
    where i.run_id = s.run_id and i.step_no = s.step_no and i.lease_no = f.lease_no
    order by i.item_no desc
    limit 1
) as e on true
where s.run_id = :run_id and s.step_no = :step_no
