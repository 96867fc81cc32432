-- Count jobs in each state, and open dead letters, up to a cap; more succeeded jobs than the cap are estimated.
-- index: ready_pkey, leases_pkey, parked_state, finished_*_not_succeeded, finished_*_pkey, dead_letters_open
-- takes: most bigint
-- returns: for each state, and for OPEN dead letters: state, value, kind (exact, capped, estimate), no order.
--          Each count walks an index in its order, so that empty pages of tables that once were full are not read.
--          The estimate is that of the planner: rows per page when last looked at, times the pages of now.
with counted as (
    select 'READY' as state, count(*) as n
    from (select from easyflow.ready order by queue, priority, lane, ready_seq limit :most + 1) as t
    union all
    select 'RUNNING', count(*) from (select from easyflow.leases order by job_id limit :most + 1) as t
    union all
    select s.state, (select count(*) from (select from easyflow.parked as p
                                           where p.state >= s.state and p.state <= s.state
                                           order by p.state, p.job_id limit :most + 1) as t)
    from unnest(array['SCHEDULED', 'BLOCKED', 'WAITING', 'IN_DOUBT']) as s(state)
    union all
    select 'FAILED', count(*)
    from (select from easyflow.finished where state = 'FAILED' order by job_id desc limit :most + 1) as t
    union all
    select 'CANCELLED', count(*)
    from (select from easyflow.finished where state = 'CANCELLED' order by job_id desc limit :most + 1) as t
    union all
    select 'SKIPPED', count(*)
    from (select from easyflow.finished where state = 'SKIPPED' order by job_id desc limit :most + 1) as t
    union all
    select 'OPEN', count(*)
    from (select from easyflow.dead_letters where state = 'open' order by job_id desc limit :most + 1) as t
),
few as (
    select count(*) as ended, count(*) filter (where state = 'SUCCEEDED') as succeeded
    from (select state from easyflow.finished order by job_id desc limit :most + 1) as t
),
guess as (
    select coalesce(sum(
        case when c.reltuples > 0 and c.relpages > 0 then c.reltuples / c.relpages else 60 end
        * (pg_relation_size(c.oid) / 8192)), 0) as ended,
        coalesce(sum((select greatest(x.reltuples, 0) from pg_class as x
                      where x.oid = (select i.indexrelid from pg_index as i
                                     where i.indrelid = c.oid and i.indpred is not null limit 1))), 0) as otherwise
    from pg_inherits as h
    join pg_class as c on c.oid = h.inhrelid
    where h.inhparent = 'easyflow.finished'::regclass
)
select state, least(n, :most) as value, case when n > :most then 'capped' else 'exact' end as kind
from counted
union all
select 'SUCCEEDED', case when f.ended > :most then greatest(f.succeeded, (g.ended - g.otherwise)::bigint)
                         else f.succeeded end,
       case when f.ended > :most then 'estimate' else 'exact' end
from few as f
cross join guess as g
