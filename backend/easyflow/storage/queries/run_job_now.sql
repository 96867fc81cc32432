-- Let a scheduled job start at once; a job whose key must be admitted queues for its key instead.
-- moves: T23 SCHEDULED -> READY, T27 SCHEDULED -> BLOCKED        index: parked_pkey
-- takes: job_id uuid
-- returns: queue, key, ordered, state; nothing when it is not scheduled, or moved just now
with due as (
    delete from easyflow.parked where job_id = :job_id and state = 'SCHEDULED'
    returning *, case when key is null or holds_key then 'READY' else 'BLOCKED' end as next_state
),
ready as (
    insert into easyflow.ready (job_id, ready_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                priority, lane, ordered, queue, task, key)
    select job_id, easyflow.clock(), lease_no, retry_count, losses, unstarted, replay_no, revision, priority, 0,
           ordered, queue, task, key
    from due where next_state = 'READY'
),
blocked as (
    insert into easyflow.parked (job_id, parked_at, blocked_seq, lease_no, retry_count, losses, unstarted, replay_no,
                                 revision, priority, ordered, state, queue, task, key)
    select job_id, easyflow.clock(), nextval('easyflow.blocked_seq'), lease_no, retry_count, losses, unstarted,
           replay_no, revision, priority, ordered, 'BLOCKED', queue, task, key
    from due where next_state = 'BLOCKED'
)
select queue, key, ordered, next_state as state from due
