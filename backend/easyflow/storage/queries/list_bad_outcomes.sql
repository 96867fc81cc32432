-- List the items of a map that ended otherwise than SUCCEEDED, going on behind an item.
-- takes: run_id uuid, step_no smallint, state text, after bigint, max_items integer, source_step smallint,
--        source_lease bigint, max_bytes bigint
-- index: run_outcomes_failed, run_items_pkey
-- returns: as list_outcomes, of one state only
with chosen as materialized (
    select o.item_no, o.state, o.reason, o.job_id, null::text as result,
           (select cast(i.item as text) from easyflow.run_items as i
            where i.run_id = :run_id and i.step_no = :source_step and i.lease_no = :source_lease
              and i.item_no = o.item_no) as item
    from easyflow.run_outcomes as o
    where o.run_id = :run_id and o.step_no = :step_no and o.item_no > :after and o.state <> 'SUCCEEDED'
      and o.state = :state
    order by o.item_no
    limit :max_items
),
sized as (
    select *, coalesce(octet_length(item), 0)::bigint as bytes from chosen
)
select item_no, state, reason, job_id, bytes, result,
       case when sum(bytes) over (order by item_no) - bytes < :max_bytes then item end as item
from sized
order by item_no
