-- Read how many jobs ended, by minute: closed minutes as they were rolled up, later ones counted now.
-- index: throughput_pkey, finished_*_time
-- takes: minutes integer, most bigint
-- returns: minute, succeeded, failed, cancelled of every minute, oldest first, the last one still running. At most
--          `most` jobs are counted; of a minute with more of them the roll-up tells, up to half a minute old.
with bounds as materialized (
    select date_trunc('minute', easyflow.clock()) as running,
           date_trunc('minute', easyflow.clock()) - (:minutes - 1) * interval '1 minute' as first,
           coalesce((select closed_until from easyflow.rollups where name = 'throughput'), 'epoch') as closed_until
),
rolled as (
    select minute, state, sum(count)::bigint as count
    from easyflow.throughput
    where minute >= (select first from bounds) and minute <= (select running from bounds)
    group by minute, state
),
late as materialized (
    select finished_at, state from easyflow.finished
    where finished_at >= (select greatest(first, closed_until) from bounds)
      and finished_at < (select running + interval '1 minute' from bounds)
    limit :most
),
counted as (
    select date_bin('1 minute', finished_at, 'epoch') as minute, state, count(*) as count from late group by 1, 2
),
ended as (
    select minute, state, max(count) as count
    from (select * from rolled union all select * from counted) as both_ways
    group by minute, state
)
select m.minute, coalesce(sum(e.count) filter (where e.state = 'SUCCEEDED'), 0)::bigint as succeeded,
       coalesce(sum(e.count) filter (where e.state = 'FAILED'), 0)::bigint as failed,
       coalesce(sum(e.count) filter (where e.state = 'CANCELLED'), 0)::bigint as cancelled
from bounds as b
cross join lateral generate_series(b.first, b.running, interval '1 minute') as m(minute)
left join ended as e on e.minute = m.minute
group by m.minute
order by m.minute
