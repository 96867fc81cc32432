-- Say what a release still waits for: unclaimed jobs to be parked, and claimed ones that have to end first.
-- takes: nothing
-- returns: one row while a release is under way: unclaimed (whether there is one), running (how many, at most 1,000).
--          A claim that is not committed yet is seen as unclaimed, and later as running: none slips through between.
with release as materialized (
    select version, lost_from, lost_until from easyflow.timeline where only_row and state = 'releasing'
),
guarded as materialized (
    select t.name, r.version, r.lost_until,
           case t.effects when 'unsafe' then '-infinity' else r.lost_from + t.key_window_seconds * interval '1 second'
           end as forgotten_at
    from release as r
    join easyflow.tasks as t on t.effects in ('unsafe', 'keyed')
    where r.lost_until is not null
)
select exists (
           select from easyflow.ready as r
           join guarded as g on g.name = r.task
           cross join lateral (select created_at from easyflow.jobs where id = r.job_id limit 1) as j
           where j.created_at < g.lost_until and g.forgotten_at <= easyflow.clock()
             and not exists (
                 select from easyflow.job_events as e
                 where e.job_id = r.job_id and e.detail @> jsonb_build_object('release', g.version)))
       or exists (
           select from easyflow.parked as p
           join guarded as g on g.name = p.task
           cross join lateral (select created_at from easyflow.jobs where id = p.job_id limit 1) as j
           where p.state in ('SCHEDULED', 'BLOCKED') and j.created_at < g.lost_until
             and g.forgotten_at <= greatest(p.run_at, easyflow.clock())
             and not exists (
                 select from easyflow.job_events as e
                 where e.job_id = p.job_id and e.detail @> jsonb_build_object('release', g.version))) as unclaimed,
       (select count(*) from (
           select from easyflow.leases as l
           join guarded as g on g.name = l.task
           cross join lateral (select created_at from easyflow.jobs where id = l.job_id limit 1) as j
           where j.created_at < g.lost_until and g.forgotten_at <= easyflow.clock()
           limit 1000) as l) as running
from release
