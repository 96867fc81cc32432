-- Remove what was rolled up long ago, oldest first.
-- index: throughput_pkey
-- takes: days integer, max_rows bigint
-- returns: removed
with old as (
    select minute, queue, task, state
    from easyflow.throughput
    where minute < easyflow.clock() - :days * interval '1 day'
    order by minute, queue, task, state
    limit :max_rows
    for update skip locked
),
removed as (
    delete from easyflow.throughput as t using old as o
    where (t.minute, t.queue, t.task, t.state) = (o.minute, o.queue, o.task, o.state)
    returning 1
)
select count(*) as removed from removed
