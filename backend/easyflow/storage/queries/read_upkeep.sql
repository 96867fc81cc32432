-- Read what housekeeping must have done, and who would use connections.
-- takes: nothing
-- returns: days_ahead (unbroken days with all four tables behind today; -1 when today's are missing; at most 30),
--          frozen_at (null unless the clock was stopped), workers and executors that are live
with wanted as (
    select ahead, parent, to_regclass(format('easyflow.%s_%s', parent, to_char(
               (clock_timestamp() at time zone 'UTC')::date + ahead, 'YYYYMMDD'))) as child
    from generate_series(0, 31) as ahead
    cross join unnest(array['jobs', 'finished', 'attempts', 'results']) as parent
),
missing as (
    select w.ahead from wanted as w
    where not exists (select from pg_inherits as i
                      where i.inhrelid = w.child and i.inhparent = to_regclass('easyflow.' || w.parent))
)
select coalesce((select min(ahead) from missing), 31) - 1 as days_ahead,
       (select frozen_at from easyflow.clock_override) as frozen_at,
       count(distinct e.worker_id) as workers, count(*) as executors
from easyflow.executors as e
where e.state = 'live' and e.lease_until > easyflow.clock()
