-- Remove items that attempts emitted before the last one, or that an ending without success has left behind.
-- takes: after_run uuid, after_step smallint, max_steps integer, max_items integer
-- index: run_steps_pkey, run_items_pkey
-- returns: removed, and run_id, step_no of the last step that was looked at, null when none was behind `after`.
--          A map reads what the lease that SUCCEEDED has emitted, and only a running attempt adds to its own; lists are
--          kept under no lease at all, which is 0. The latest statement of a ticket and the items are seen by one snapshot.
with steps as materialized (
    select run_id, step_no, job_id from easyflow.run_steps
    where (run_id, step_no) > (:after_run, :after_step)
    order by run_id, step_no
    limit :max_steps
),
stale as materialized (
    select i.run_id, i.step_no, i.lease_no, i.item_no
    from steps as s
    cross join lateral (
        select case when state in ('RUNNING', 'SUCCEEDED') then lease_no else lease_no + 1 end as first_kept
        from easyflow.job_states where job_id = s.job_id limit 1
    ) as j
    cross join lateral (
        select * from easyflow.run_items as each
        where each.run_id = s.run_id and each.step_no = s.step_no
          and each.lease_no > 0 and each.lease_no < j.first_kept
        order by each.lease_no, each.item_no
        limit :max_items
    ) as i
    limit :max_items
),
removed as (
    delete from easyflow.run_items as i
    using stale
    where (i.run_id, i.step_no, i.lease_no, i.item_no) = (stale.run_id, stale.step_no, stale.lease_no, stale.item_no)
    returning 1
)
select (select count(*) from removed) as removed, last.run_id, last.step_no
from (select 1) as always
left join lateral (select run_id, step_no from steps order by run_id desc, step_no desc limit 1) as last on true
