-- Move scheduled jobs that are due: to READY, or to BLOCKED when their key must be admitted first.
-- moves: T2 SCHEDULED -> READY, T27 SCHEDULED -> BLOCKED        index: parked_scheduled
-- takes: after timestamptz, max_jobs integer
-- returns: job_id, queue, key, ordered, state, run_at in no order; a job that waited for a retry goes ahead of new ones.
--          The scan begins at `after`, itself included: thousands may be due at one instant. Found by ctid, as no
--          row of parked is ever updated: by job id the planner may walk through everything that is scheduled.
with due as (
    delete from easyflow.parked
    where ctid = any (array(
        select p.ctid
        from easyflow.parked as p
        where p.state = 'SCHEDULED' and p.run_at >= :after and p.run_at <= (select easyflow.clock())
        order by p.run_at, p.job_id
        limit :max_jobs
        for update skip locked))
    returning *, case when key is null or holds_key then 'READY' else 'BLOCKED' end as next_state
),
ready as (
    insert into easyflow.ready (job_id, ready_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                priority, lane, ordered, queue, task, key)
    select job_id, (select easyflow.clock()), lease_no, retry_count, losses, unstarted, replay_no, revision, priority,
           case lease_no when 0 then 1 else 0 end, ordered, queue, task, key
    from due where next_state = 'READY'
    order by run_at, job_id
),
blocked as (
    insert into easyflow.parked (job_id, parked_at, blocked_seq, lease_no, retry_count, losses, unstarted, replay_no,
                                 revision, priority, ordered, state, queue, task, key)
    select job_id, (select easyflow.clock()), nextval('easyflow.blocked_seq'), lease_no, retry_count, losses,
           unstarted, replay_no, revision, priority, ordered, 'BLOCKED', queue, task, key
    from (select * from due where next_state = 'BLOCKED' order by run_at, job_id) as b
)
select job_id, queue, key, ordered, next_state as state, run_at from due
