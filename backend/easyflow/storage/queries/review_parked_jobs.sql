-- Set aside, for a person, waiting jobs that existed while intents were lost: what they did then nobody can tell.
-- moves: T33 SCHEDULED -> IN_DOUBT, T33 BLOCKED -> IN_DOUBT        index: parked_pkey, jobs_*_pkey
-- takes: after uuid, max_jobs integer, release integer, lost_from timestamptz, lost_until timestamptz, actor text,
--        reason text
-- returns: job_id, queue, key, ordered of the next jobs behind `after`, in no order. Run behind lock_release. What this
--          release has set aside before stays with what a person said of it. The head of an ordering key keeps its
--          key; a concurrency key's slot is given back. Keys without a window are never forgotten: null is not reached.
with guarded as materialized (
    select name,
           case effects when 'unsafe' then '-infinity' else :lost_from + key_window_seconds * interval '1 second' end
               as forgotten_at
    from easyflow.tasks
    where effects in ('unsafe', 'keyed')
),
moved as (
    delete from easyflow.parked
    where ctid = any (array(
        select p.ctid
        from easyflow.parked as p
        join guarded as g on g.name = p.task
        cross join lateral (select created_at from easyflow.jobs where id = p.job_id limit 1) as j
        where p.job_id > :after and p.state in ('SCHEDULED', 'BLOCKED') and j.created_at < :lost_until
          and g.forgotten_at <= greatest(p.run_at, (select easyflow.clock()))
          and not exists (
              select from easyflow.job_events as e
              where e.job_id = p.job_id and e.detail @> jsonb_build_object('release', :release))
        order by p.job_id
        limit :max_jobs
        for update of p skip locked))
    returning *
),
parked as (
    insert into easyflow.parked (job_id, parked_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                 priority, ordered, holds_key, state, queue, task, key)
    select job_id, (select easyflow.clock()), lease_no, retry_count, losses, unstarted, replay_no, revision, priority,
           ordered, holds_key, 'IN_DOUBT', queue, task, key
    from moved
),
told as (
    insert into easyflow.job_events (job_id, at, kind, actor, reason, detail)
    select job_id, (select easyflow.clock()), 'in doubt', :actor,
           'the database went back in time and the ledger of that time may be incomplete: this job may have run then',
           jsonb_build_object('release', :release, 'lost_from', :lost_from, 'lost_until', :lost_until,
                              'reason', :reason)
    from moved
)
select job_id, queue, key, ordered from moved
