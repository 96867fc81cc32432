-- List queues: what is set for them, and what waits and runs in them, as far as it is counted.
-- index: ready_pkey, leases_queue, parked_state
-- takes: max_queues integer, looks bigint
-- returns: name, paused, concurrency, concurrency_per_key, version, ready, running, parked, oldest_ready_at, counts by
--          name. Where counts says capped, there may be more than was counted: of each queue its part of `looks`, 100 to
--          10,000 tickets, and of each parked state the 10,000 oldest jobs. Names and the oldest ticket are found by
--          steps over indexes: a step to the next queue, a step to the next (priority, lane), of which at most 64. The
--          range of one state says what an equality would not: only parked_state leads there, in this order.
with recursive ready_queues as (
    (select r.queue, 1 as step from easyflow.ready as r order by r.queue limit 1)
    union all
    select (select r.queue from easyflow.ready as r where r.queue > q.queue order by r.queue limit 1), q.step + 1
    from ready_queues as q
    where q.queue is not null and q.step < :max_queues
),
lease_queues as (
    (select l.queue, 1 as step from easyflow.leases as l order by l.queue limit 1)
    union all
    select (select l.queue from easyflow.leases as l where l.queue > q.queue order by l.queue limit 1), q.step + 1
    from lease_queues as q
    where q.queue is not null and q.step < :max_queues
),
parked_part as materialized (
    select s.state, p.queue
    from unnest(array['SCHEDULED', 'BLOCKED', 'WAITING', 'IN_DOUBT']) as s(state)
    cross join lateral (
        select k.queue from easyflow.parked as k
        where k.state >= s.state and k.state <= s.state
        order by k.state, k.job_id limit 10001
    ) as p
),
parked_counts as (
    select queue, count(*) as parked from parked_part group by queue
),
parked_cut as (
    select coalesce(max(n), 0) > 10000 as cut from (select count(*) as n from parked_part group by state) as each
),
names as (
    select name from easyflow.queues
    union select queue from ready_queues where queue is not null
    union select queue from lease_queues where queue is not null
    union select queue from parked_counts
),
shown as (
    select name from names order by name limit :max_queues
),
share as (
    select greatest(100, least(10000, :looks / greatest(count(*), 1))) as most from shown
)
select n.name, coalesce(q.paused, false) as paused, q.concurrency,
       coalesce(q.concurrency_per_key, 1) as concurrency_per_key, coalesce(q.version, 0) as version,
       least(r.ready, s.most) as ready, least(l.running, s.most) as running, coalesce(p.parked, 0) as parked,
       o.oldest_ready_at,
       case when r.ready > s.most or l.running > s.most or c.cut then 'capped' else 'exact' end as counts
from shown as n
cross join share as s
cross join parked_cut as c
left join easyflow.queues as q on q.name = n.name
left join parked_counts as p on p.queue = n.name
cross join lateral (
    select count(*) as ready
    from (select from easyflow.ready as t where t.queue = n.name limit (select most + 1 from share)) as t
) as r
cross join lateral (
    select count(*) as running
    from (select from easyflow.leases as t where t.queue = n.name limit (select most + 1 from share)) as t
) as l
cross join lateral (
    with recursive streams as (
        (select t.priority, t.lane, t.ready_at, 1 as step from easyflow.ready as t where t.queue = n.name
         order by t.priority, t.lane, t.ready_seq limit 1)
        union all
        select f.priority, f.lane, f.ready_at, s.step + 1
        from streams as s
        cross join lateral (
            select t.priority, t.lane, t.ready_at from easyflow.ready as t
            where t.queue = n.name and (t.priority, t.lane) > (s.priority, s.lane)
            order by t.priority, t.lane, t.ready_seq limit 1
        ) as f
        where s.step < 64
    )
    select min(ready_at) as oldest_ready_at from streams
) as o
order by n.name
