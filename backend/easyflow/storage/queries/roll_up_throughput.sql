-- Count the jobs that ended since the last closed minute, by minute, and close the minutes that are over.
-- index: finished_*_time
-- takes: every_seconds double precision, late_minutes integer, max_minutes integer
-- returns: behind, whether there is more to close; nothing when no minute is over and somebody counted the running one
--          less than `every_seconds` ago. With a minute that is closed, those up to `late_minutes` before it are counted
--          again, for transactions that committed late. A count only ever rises: jobs that ended stay counted when they
--          are replayed, and of two that count the one who saw more wins.
with mark as materialized (
    select closed_until, date_trunc('minute', easyflow.clock()) as running
    from easyflow.rollups
    where name = 'throughput'
      and (closed_until < date_trunc('minute', easyflow.clock()) or turned_at > easyflow.clock()
           or turned_at <= easyflow.clock() - :every_seconds * interval '1 second')
    order by name
    for update
),
span as materialized (
    select running,
           case when closed_until < running then closed_until - :late_minutes * interval '1 minute'
                else running end as low,
           least(running, closed_until + :max_minutes * interval '1 minute') as closed_until,
           least(running + interval '1 minute', closed_until + (:max_minutes + 1) * interval '1 minute') as high
    from mark
),
counted as (
    select date_bin('1 minute', f.finished_at, 'epoch') as minute, f.queue, f.task, f.state, count(*) as count
    from easyflow.finished as f
    where f.finished_at >= (select low from span) and f.finished_at < (select high from span)
    group by 1, 2, 3, 4
),
kept as (
    insert into easyflow.throughput as t (minute, queue, task, state, count)
    select minute, queue, task, state, count from counted
    order by minute, queue, task, state
    on conflict (minute, queue, task, state) do update set count = excluded.count
    where t.count < excluded.count
)
update easyflow.rollups as r
set closed_until = s.closed_until, turned_at = easyflow.clock()
from span as s
where r.name = 'throughput'
returning r.closed_until < s.running as behind
