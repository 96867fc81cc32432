-- List the items of a map that have ended, going on behind an item.
-- takes: run_id uuid, step_no smallint, state text, after bigint, max_items integer, source_step smallint,
--        source_lease bigint, max_bytes bigint
-- index: run_outcomes_pkey, run_items_pkey
-- returns: item_no, state, reason, job_id, item and result as text, bytes (of both), by item_no; of every state when
--          `state` is null. Behind `max_bytes` only the size of an item and its result is told; an item is null also where the
--          map goes over another map's results.
with chosen as materialized (
    select o.item_no, o.state, o.reason, o.job_id, cast(o.result as text) as result,
           (select cast(i.item as text) from easyflow.run_items as i
            where i.run_id = :run_id and i.step_no = :source_step and i.lease_no = :source_lease
              and i.item_no = o.item_no) as item
    from easyflow.run_outcomes as o
    where o.run_id = :run_id and o.step_no = :step_no and o.item_no > :after
      and (cast(:state as text) is null or o.state = :state)
    order by o.item_no
    limit :max_items
),
sized as (
    select *, (coalesce(octet_length(result), 0) + coalesce(octet_length(item), 0))::bigint as bytes from chosen
)
select item_no, state, reason, job_id, bytes,
       case when sum(bytes) over (order by item_no) - bytes < :max_bytes then item end as item,
       case when sum(bytes) over (order by item_no) - bytes < :max_bytes then result end as result
from sized
order by item_no
