-- Let a failed job run again on purpose: same job, new epoch, fresh budgets; lease_no goes on rising.
-- moves: T17 FAILED -> READY, T28 FAILED -> BLOCKED        index: finished_*
-- takes: job_id uuid, revision integer
-- returns: queue, key, ordered, state. Run behind lock_dead_letter; a job with a key queues behind what waits now.
with back as (
    delete from easyflow.finished where job_id = :job_id and state = 'FAILED' returning *
),
ready as (
    insert into easyflow.ready (job_id, ready_at, lease_no, replay_no, revision, priority, lane, ordered, queue, task,
                                key)
    select job_id, easyflow.clock(), lease_no, replay_no + 1, :revision, priority, 1, ordered, queue, task, key
    from back where key is null
),
blocked as (
    insert into easyflow.parked (job_id, parked_at, blocked_seq, lease_no, replay_no, revision, priority, ordered,
                                 state, queue, task, key)
    select job_id, easyflow.clock(), nextval('easyflow.blocked_seq'), lease_no, replay_no + 1, :revision, priority,
           ordered, 'BLOCKED', queue, task, key
    from back where key is not null
)
select queue, key, ordered, case when key is null then 'READY' else 'BLOCKED' end as state from back
